package hooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/postern-mail/postern"
)

// tolerance is how far the clock of a signature may be from ours (Standard
// Webhooks, "Verifying webhook authenticity").
const tolerance = 5 * time.Minute

// sign gives the signature of a message: HMAC-SHA256 over id, timestamp and
// body (Standard Webhooks, "Signature scheme").
func sign(secret []byte, id, timestamp string, body []byte) string {
	return "v1," + base64.StdEncoding.EncodeToString(mac(secret, []byte(id+"."+timestamp+"."), body))
}

func mac(secret []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, secret)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

var errSignature = &postern.Error{Kind: postern.Denied, Key: "desk.refused.hook-signature", Text: "the signature is not this hook's, or its time is not now"}

// verify checks a request against the hook's secret and gives the delivery's id.
// Standard headers count for every kind; Zendesk and Jira also sign in their own.
func (k Hook) verify(h http.Header, body []byte, now time.Time) (id string, err error) {
	if id = h.Get("webhook-id"); id != "" {
		stamp := h.Get("webhook-timestamp")
		at, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil || len(id) > 200 || now.Sub(time.Unix(at, 0)).Abs() > tolerance {
			return "", errSignature
		}
		want := sign(k.secret, id, stamp, body)
		for one := range strings.FieldsSeq(h.Get("webhook-signature")) { // several while a secret changes
			if hmac.Equal([]byte(one), []byte(want)) {
				return id, nil
			}
		}
		return "", errSignature
	}
	switch k.Kind {
	case Zendesk: // base64(HMACSHA256(TIMESTAMP + BODY))
		stamp := h.Get("X-Zendesk-Webhook-Signature-Timestamp")
		at, err := time.Parse(time.RFC3339, stamp)
		id = h.Get("X-Zendesk-Webhook-Invocation-Id")
		got, errB := base64.StdEncoding.DecodeString(h.Get("X-Zendesk-Webhook-Signature"))
		if err == nil && errB == nil && id != "" && len(id) <= 200 && now.Sub(at).Abs() <= tolerance && hmac.Equal(got, mac(k.secret, []byte(stamp), body)) {
			return id, nil
		}
	case Jira: // X-Hub-Signature: sha256=hex, over the body alone; the identifier is the same for retries
		id = h.Get("X-Atlassian-Webhook-Identifier")
		coded, ok := strings.CutPrefix(h.Get("X-Hub-Signature"), "sha256=")
		got, err := hex.DecodeString(coded)
		if ok && err == nil && id != "" && len(id) <= 200 && hmac.Equal(got, mac(k.secret, body)) {
			return id, nil
		}
	}
	return "", errSignature
}
