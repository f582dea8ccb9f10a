package web
import ("testing";"net/http";"os")
func TestZZServe(t *testing.T){ if os.Getenv("SERVE")=="" {return}; w:=sampleWeb(t); sb:=w.ui.Storybook(samples(w)); http.ListenAndServe("127.0.0.1:7931", sb)}
