package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// plain brings a body into the form of RFC 7644: Entra ID writes truth as the
// strings "True" and "False", and "Add" for "add". It refuses a path too long
// to be meant, before anything parses it.
func plain(body []byte) ([]byte, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, errors.New("it is empty")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, errors.New("it is no JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows it")
	}
	if err := plainIn(v, 0); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

const maxDepth = 12

func plainIn(v any, depth int) error {
	if depth > maxDepth {
		return errors.New("it is nested too deeply")
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := plainIn(e, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		path := ""
		for k, e := range v {
			if len(k) > maxWords {
				return errors.New("an attribute's name is too long")
			}
			text, is := e.(string)
			switch key := strings.ToLower(k); {
			case is && (key == "path" || key == "filter"):
				if len(text) > maxWords {
					return errors.New("a path or filter is too long")
				}
				path = text
			case is && (key == "active" || key == "primary"):
				v[k] = truth(text)
			default:
				if err := plainIn(e, depth+1); err != nil {
					return err
				}
			}
		}
		if strings.EqualFold(path, "active") || strings.EqualFold(path, "urn:ietf:params:scim:schemas:core:2.0:User:active") {
			for k, e := range v {
				if text, is := e.(string); is && strings.EqualFold(k, "value") {
					v[k] = truth(text)
				}
			}
		}
	}
	return nil
}

func truth(text string) any {
	switch strings.ToLower(text) {
	case "true":
		return true
	case "false":
		return false
	}
	return text
}
