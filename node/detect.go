package node

import (
	"time"

	"github.com/postern-mail/postern/node/known"
	"github.com/postern-mail/postern/response/detect"
)

// settings reads the rules' folder and the zone.
func (c DetectConfig) settings() (s detect.Settings, err error) {
	if s.Zone, err = time.LoadLocation(c.Zone); err != nil {
		return s, invalid("detect: zone is %q: write one like Europe/Paris", c.Zone)
	}
	if c.Entries < 1000 {
		return s, invalid("detect: entries is %d: the rules' windows need 1000 at least", c.Entries)
	}
	s.Off, s.KeepIn, s.Entries, s.Quiet = c.Off, c.KeepIn, c.Entries, c.Quiet.Duration
	s.Rules, err = known.Rules(c.Rules)
	return s, err
}
