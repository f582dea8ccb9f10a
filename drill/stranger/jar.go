package stranger

import (
	"net/http"
	"net/url"
	"sync"
)

// jar keeps cookies by host. The standard library's drops what has expired on
// the machine's clock; a drill's is another.
type jar struct {
	mu    sync.Mutex
	hosts map[string]map[string]*http.Cookie
}

func newJar() *jar { return &jar{hosts: map[string]map[string]*http.Cookie{}} }

func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	j.mu.Lock()
	defer j.mu.Unlock()
	kept := j.hosts[u.Host]
	if kept == nil {
		kept = map[string]*http.Cookie{}
		j.hosts[u.Host] = kept
	}
	for _, c := range cookies {
		if c.MaxAge < 0 || c.Value == "" {
			delete(kept, c.Name)
			continue
		}
		kept[c.Name] = c
	}
}

func (j *jar) Cookies(u *url.URL) (cookies []*http.Cookie) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range j.hosts[u.Host] {
		if !c.Secure || u.Scheme == "https" {
			cookies = append(cookies, &http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	return cookies
}
