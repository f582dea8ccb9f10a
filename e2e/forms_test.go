package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/PuerkitoBio/goquery"

	"github.com/postern-mail/postern/drill/stranger"
)

// forms is a browser without scripts.
type forms struct{ b *stranger.Browser }

func newForms(lang string) browser {
	return forms{stranger.New(lang, "e2e", "")}
}

func (f forms) visit(address string) error { return f.b.Visit(context.Background(), address) }
func (f forms) follow(text string) error   { return f.b.Follow(context.Background(), text) }
func (f forms) followTo(part string) error {
	links := f.b.Links(part)
	if len(links) == 0 {
		return fmt.Errorf("no link leads to %q", part)
	}
	return f.b.Visit(context.Background(), links[0])
}
func (f forms) press(text string) error       { return f.b.Press(context.Background(), text) }
func (f forms) fill(name, value string) error { return f.b.Fill(name, value) }
func (f forms) choose(name, text string) error {
	page, err := goquery.NewDocumentFromReader(bytes.NewReader(f.b.Body()))
	if err != nil {
		return err
	}
	found := page.Find("select[name='" + name + "'] option").FilterFunction(func(_ int, o *goquery.Selection) bool { return strings.Contains(fold(o.Text()), fold(text)) })
	if value, ok := found.First().Attr("value"); ok {
		return f.b.Fill(name, value)
	}
	return fmt.Errorf("no list %q has %q", name, text)
}
func (f forms) only(name, text string) error         { return f.b.Only(name, text) }
func (f forms) text() (string, error)                { return f.b.Text(), nil }
func (f forms) address() (string, error)             { return f.b.Address().String(), nil }
func (f forms) download(text string) ([]byte, error) { return f.b.Download(context.Background(), text) }
func (f forms) close()                               { f.b.Close() }
