package verify

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTrueProofsOfNonAccess(t *testing.T) {
	for _, c := range []struct {
		before, in, after int
		verdict           Verdict
		why               Why
	}{
		{0, 0, 0, Verified, ""}, {2, 0, 0, Verified, ""}, {0, 0, 1, Verified, ""}, {3, 0, 2, Verified, ""},
		{0, 1, 0, Refuted, WhyAccessed}, {2, 2, 1, Refuted, WhyAccessed},
	} {
		d, s0, s1 := story(t, c.before, c.in, c.after)
		file := d.prove(ana, 4, may, windowEnd, s0, s1).Marshal()
		if p, err := ParseNonAccess(file); err != nil || !bytes.Equal(p.Marshal(), file) {
			t.Fatalf("%+v: does not come back: %v", c, err)
		}
		r := CheckNonAccessFile(file, d.policy)
		keepVector(t, "non-access", fmt.Sprintf("%d before the window, %d in it, %d after", c.before, c.in, c.after), file, d.policy, r)
		if r.Verdict != c.verdict || r.Why != c.why {
			t.Fatalf("%+v:\n%s", c, r.Text("en"))
		}
		en, fr := r.Text("en"), r.Text("fr")
		want := fmt.Sprintf("No leaf at positions [%d, %d)", s0, s1)
		if c.in > 0 {
			want = fmt.Sprintf("Disclosure %d of tier content lies in the window.", c.before+c.in)
			if !strings.Contains(fr, fmt.Sprintf("La divulgation %d de niveau contenu", c.before+1)) || !strings.Contains(en, "n  ") {
				t.Error(fr)
			}
		}
		if !strings.Contains(en, want) || strings.Contains(en+fr, "%!") {
			t.Errorf("%+v:\n%s\n%s", c, en, fr)
		}
	}
}

func TestWhatAPolicyAsksOfAProof(t *testing.T) {
	d, s0, s1 := story(t, 1, 0, 0)
	file := d.prove(ana, 4, may, windowEnd, s0, s1).Marshal()
	text := string(d.policy.Marshal())
	for name, c := range map[string]struct {
		policy string
		why    Why
	}{
		"one of two":        {strings.Replace(text, "group both 2", "group both 1", 1), ""},
		"no quorum":         {strings.Replace(text, "quorum both", "quorum none", 1), WhyUnwitnessed},
		"nobody replays":    {strings.Replace(text, "map b\n", "", 1), WhyUnwitnessed},
		"I replay":          {strings.Replace(text, "map b", "map none", 1), ""},
		"another's witness": {strings.Replace(text, "quorum both", func() string { _, l := newWitness(t, "z"); return l + "quorum z" }(), 1), WhyWitness},
		"another's map":     {strings.Replace(text, "map b", func() string { _, l := newWitness(t, "z"); return l + "map z" }(), 1), WhyWitness},
	} {
		p, err := ParsePolicy([]byte(c.policy))
		if err != nil {
			t.Fatal(name, err)
		}
		r := CheckNonAccessFile(file, p)
		keepVector(t, "non-access", "policy: "+name, file, p, r)
		if r.Why != c.why {
			t.Errorf("%s: %s", name, r.Text("en"))
		}
	}
}

// Each case is a lie that a provider could tell, with a statement that they have signed to fit.
func TestLiesAboutNonAccess(t *testing.T) {
	d, s0, s1 := story(t, 2, 1, 1)
	size := int64(len(d.leaves))
	honest, h0, h1 := story(t, 2, 0, 1)
	type lie struct {
		name string
		why  Why
		tell func(p *NonAccess)
		d    *diary
		raw  bool // do not sign anew
	}
	hour := uint64(time.Hour.Milliseconds())
	for _, c := range []lie{
		{name: "the access is left out", why: WhyTag, tell: func(p *NonAccess) { p.Streams[0].Accesses = nil }},
		{name: "the access is shown as after the window", why: WhyPlace, tell: func(p *NonAccess) {
			s := &p.Streams[0]
			s.AfterVRF, s.AfterMap, s.Accesses = s.Accesses[0].VRF, s.Accesses[0].Map, nil
		}},
		{name: "the access is counted as before", why: WhyPlace, tell: func(p *NonAccess) {
			s := &p.Streams[0]
			s.Before, s.BeforeVRF, s.BeforeMap, s.Accesses = 3, s.Accesses[0].VRF, s.Accesses[0].Map, nil
		}},
		{name: "a number is skipped", why: WhyTag, tell: func(p *NonAccess) { s := &p.Streams[0]; s.Accesses = nil; s.Before++ }},
		{name: "the count is lowered", why: WhyTag, tell: func(p *NonAccess) { p.Streams[0].Before = 1 }},
		{name: "a stream is dropped", why: WhyWindow, tell: func(p *NonAccess) { p.Streams = p.Streams[1:] }},
		{name: "a stream stands twice", why: WhyWindow, tell: func(p *NonAccess) { p.Streams[0] = p.Streams[1] }},
		{name: "a deeper tier alone", why: WhyWindow, tell: func(p *NonAccess) { p.Tier = 5 }},
		{name: "a shallower tier, without its stream", why: WhyWindow, tell: func(p *NonAccess) { p.Tier = 3 }},
		{name: "another account", d: honest, why: WhyTag, tell: func(p *NonAccess) { p.Account = ben }},
		{name: "an earlier start of the window", d: honest, why: WhyWitness, tell: func(p *NonAccess) { p.From -= hour }},
		{name: "a later end of the window", d: honest, why: WhyWitness, tell: func(p *NonAccess) { p.Until += hour }},
		{name: "the window's ends are swapped", d: honest, why: WhyFormat, tell: func(p *NonAccess) { p.From, p.Until = p.Until, p.From }},
		{name: "another month", d: honest, why: WhyWindow, tell: func(p *NonAccess) { p.From += 40 * 24 * hour; p.Until += 40 * 24 * hour }},
		{name: "a later start checkpoint", why: WhyPlace, tell: func(p *NonAccess) {
			p.Start, p.StartPath = d.checkpoint(s1, may.Add(-time.Minute)), nil
		}},
		{name: "an earlier end checkpoint", d: honest, why: WhyWitness, tell: func(p *NonAccess) {
			p.End, p.StartPath, p.EndPath = honest.checkpoint(h0+1, windowEnd), honest.tree(h0+1, h0), honest.tree(int64(len(honest.leaves)), h0+1)
		}},
		{name: "start and end are swapped", d: honest, why: WhyRollback, tell: func(p *NonAccess) { p.Start, p.End = p.End, p.Start }},
		{name: "a start that was cosigned late", d: honest, why: WhyWitness, tell: func(p *NonAccess) { p.Start = honest.checkpoint(h0, may.Add(time.Minute)) }},
		{name: "an end that was cosigned early", d: honest, why: WhyWitness, tell: func(p *NonAccess) { p.End = honest.checkpoint(h1, windowEnd.Add(59*time.Minute)) }},
		{name: "a witness short", d: honest, why: WhyWitness, tell: func(p *NonAccess) {
			p.End = honest.checkpoint(h1, windowEnd.Add(MergeDelay), honest.a)
		}},
		{name: "nobody cosigned the latest", d: honest, why: WhyWitness, tell: func(p *NonAccess) {
			p.Latest = honest.checkpoint(int64(len(honest.leaves)), windowEnd, honest.a)
		}},
		{name: "another log", d: honest, why: WhyOrigin, tell: func(p *NonAccess) {
			p.Start = bytes.Replace(p.Start, []byte("log.example\n"), []byte("gol.example\n"), 1)
		}},
		{name: "no signature by the log", d: honest, why: WhySignature, tell: func(p *NonAccess) {
			i := bytes.Index(p.Start, []byte("\n\n"))
			lines := bytes.SplitAfter(p.Start[i+2:], []byte("\n"))
			p.Start = append(bytes.Clone(p.Start[:i+2]), bytes.Join(lines[1:], nil)...)
		}},
		{name: "the epoch of another time", why: WhyEpoch, tell: func(p *NonAccess) {
			p.EpochIndex = d.epochs[0]
			p.EpochLeaf, p.EpochPath = d.leaves[p.EpochIndex], d.inclusion(size, p.EpochIndex)
		}},
		{name: "an epoch leaf that was moved", d: honest, why: WhyEpoch, tell: func(p *NonAccess) { p.EpochIndex-- }},
		{name: "an epoch leaf that was altered", d: honest, why: WhyInclusion, tell: func(p *NonAccess) { p.EpochLeaf = flip(p.EpochLeaf, 40) }},
		{name: "a leaf that is no epoch", d: honest, why: WhyEpoch, tell: func(p *NonAccess) { p.EpochLeaf = p.Series[0].Leaf }},
		{name: "a series leaf of another key", d: honest, why: WhyInclusion, tell: func(p *NonAccess) { p.Series[0].Leaf = flip(p.Series[0].Leaf, 50) }},
		{name: "a consistency hash flipped", d: honest, why: WhyConsistency, tell: func(p *NonAccess) { p.StartPath = slices.Clone(p.StartPath); p.StartPath[0][3] ^= 1 }},
		{name: "a VRF proof of another stream", d: honest, why: WhyTag, tell: func(p *NonAccess) { p.Streams[0].AfterVRF = p.Streams[1].AfterVRF }},
		{name: "a VRF proof with a bit flipped", d: honest, why: WhyTag, tell: func(p *NonAccess) { p.Streams[0].AfterVRF = flip(p.Streams[0].AfterVRF, 33) }},
		{name: "a map proof of another tag", d: honest, why: WhyMap, tell: func(p *NonAccess) { p.Streams[0].AfterMap = p.Streams[0].BeforeMap }},
		{name: "a sibling flipped", d: honest, why: WhyMap, tell: func(p *NonAccess) {
			m := p.Streams[0].AfterMap
			p.Streams[0].AfterMap = flip(m, len(m)-1)
		}},
		{name: "membership shown as absence", why: WhyMap, tell: func(p *NonAccess) {
			s := &p.Streams[0]
			m := slices.Clone(s.Accesses[0].Map)
			s.AfterVRF, s.AfterMap, s.Accesses = s.Accesses[0].VRF, append([]byte{1, 2}, m[10:]...), nil
		}},
		{name: "the record of another access", why: WhyInclusion, tell: func(p *NonAccess) {
			p.Streams[0].Accesses[0].Record = d.streams[stream(202605, ana, 4)][0].record
		}},
		{name: "the record of another account", why: WhyRecord, tell: func(p *NonAccess) {
			p.Streams[0].Accesses[0].Record = d.streams[stream(202605, ben, 4)][0].record
		}},
		{name: "the salt flipped", why: WhyInclusion, tell: func(p *NonAccess) { p.Streams[0].Accesses[0].Salt[9] ^= 1 }},
		{name: "the statement of another proof", d: honest, raw: true, why: WhyStatement, tell: func(p *NonAccess) {
			p.Statement = honest.prove(ben, 5, may, windowEnd, h0, h1).Statement
		}},
		{name: "a statement that nobody signed", d: honest, raw: true, why: WhySignature, tell: func(p *NonAccess) {
			p.Statement = flip(p.Statement, len(p.Statement)-8)
		}},
		{name: "a statement that says nothing of the gate", d: honest, raw: true, why: WhyStatement, tell: func(p *NonAccess) {
			text, _, _ := strings.Cut(string(p.Statement), "\n\n")
			p.Statement = honest.sign(strings.Replace(text, "gate only", "gate -", 1) + "\n")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := d
			p := d.prove(ana, 4, may, windowEnd, s0, s1)
			if c.d != nil {
				w, p = honest, honest.prove(ana, 4, may, windowEnd, h0, h1)
			}
			before := CheckNonAccessFile(p.Marshal(), w.policy)
			c.tell(&p)
			if !c.raw {
				p = w.state(p)
			}
			r := CheckNonAccessFile(p.Marshal(), w.policy)
			keepVector(t, "non-access", c.name, p.Marshal(), w.policy, r)
			if r.Why != c.why || r.Verdict == Verified {
				t.Errorf("want %s, before it was %v:\n%s", c.why, before.Verdict, r.Text("en"))
			}
		})
	}
}

func flip(b []byte, i int) []byte {
	b = slices.Clone(b)
	b[i] ^= 1
	return b
}

// Near the edge only the provider's clock says whether an access was in the window.
func TestAccessAtTheEdge(t *testing.T) {
	d := newDiary(t)
	d.month(may)
	d.epoch(may.Add(-time.Hour))
	s0 := int64(len(d.leaves))
	d.disclose(ana, 4, windowEnd.Add(20*time.Minute))
	d.epoch(windowEnd.Add(30 * time.Minute))
	p := d.prove(ana, 4, may, windowEnd, s0, int64(len(d.leaves)))
	r := CheckNonAccessFile(p.Marshal(), d.policy)
	keepVector(t, "non-access", "an access at the edge", p.Marshal(), d.policy, r)
	if r.Verdict != CannotTell || r.Why != WhyEdge {
		t.Error(r.Text("en"))
	}
	// A record that is gone counts as in it.
	a := &p.Streams[0].Accesses[0]
	a.Record, a.Salt, a.Path = nil, [32]byte{}, nil
	p = d.state(p)
	r = CheckNonAccessFile(p.Marshal(), d.policy)
	keepVector(t, "non-access", "a record that is no longer kept", p.Marshal(), d.policy, r)
	if r.Verdict != Refuted || r.Why != WhyAccessed {
		t.Error(r.Text("en"))
	}
}

func TestStatementsAlone(t *testing.T) {
	d := newDiary(t)
	s := Statement{Log: "log.example", Account: ana, From: 1, Until: 2, Tier: 4, Finding: FindingErased, Issued: 9, Erased: 8}
	for name, c := range map[string]struct {
		bend func(*Statement)
		why  Why
	}{
		"erased":              {func(*Statement) {}, WhyErased},
		"erased, no time":     {func(s *Statement) { s.Erased = 0 }, WhyFormat},
		"the provider's word": {func(s *Statement) { s.Finding, s.Erased = FindingUnproved, 0 }, WhyWord},
		"none, on its own":    {func(s *Statement) { s.Finding = FindingNone }, WhyProof},
		"with a proof's hash": {func(s *Statement) { s.Proof = make([]byte, 32) }, WhyProof},
		"another log":         {func(s *Statement) { s.Log = "gol.example" }, WhyOrigin},
		"a name of two lines": {func(s *Statement) { s.Name = "a\nb" }, WhyFormat},
		"a name that rings":   {func(s *Statement) { s.Name = "a\x07" }, WhyFormat},
		"an unknown finding":  {func(s *Statement) { s.Finding = "perhaps" }, WhyFormat},
	} {
		x := s
		c.bend(&x)
		r := CheckStatementFile(d.sign(x.Text()), d.policy)
		keepVector(t, "statement", name, d.sign(x.Text()), d.policy, r)
		if r.Why != c.why || r.Verdict == Verified {
			t.Errorf("%s: %s", name, r.Text("en"))
		}
	}
	// No statement is a checkpoint, and no checkpoint a statement.
	if _, err := d.policy.Open(d.sign(s.Text())); err == nil {
		t.Error("a statement was taken for a checkpoint")
	}
	if r := CheckStatementFile(d.sign(Checkpoint{"log.example", 0, emptyRoot}.Body()), d.policy); r.Why != WhyUnknownFile {
		t.Error(r.Text("en"))
	}
}

func FuzzNonAccess(f *testing.F) {
	d, s0, s1 := story(f, 1, 1, 1)
	f.Add(d.prove(ana, 4, may, windowEnd, s0, s1).Marshal())
	h, h0, h1 := story(f, 1, 0, 1)
	truth := h.prove(ana, 5, may, windowEnd, h0, h1).Marshal()
	f.Add(truth)
	f.Add(d.sign(Statement{Log: "log.example", Account: ana, Tier: 1, Finding: FindingErased, Erased: 1}.Text()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParseNonAccess(b); err == nil && !bytes.Equal(p.Marshal(), b) {
			t.Fatalf("%q is a proof but not canonical", b)
		}
		r := CheckNonAccessFile(b, h.policy)
		if r.Verdict == Verified && !bytes.Equal(b, truth) && !bytes.HasPrefix(b, truth[:bytes.Index(truth, []byte("\n— "))]) {
			t.Fatalf("%q verifies", b)
		}
		for _, r := range []Report{r, CheckStatementFile(b, d.policy)} {
			if r.Verdict != Verified && r.Why == "" || r.Text("fr") == "" {
				t.Fatalf("%q: a verdict without a reason", b)
			}
		}
	})
}

func TestMonths(t *testing.T) {
	ms := func(s string) uint64 {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return uint64(at.UnixMilli())
	}
	for _, c := range []struct {
		from, until string
		want        []uint32
	}{
		{"2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z", []uint32{202605}},
		{"2026-05-31T23:59:59Z", "2026-06-01T00:00:01Z", []uint32{202605, 202606}},
		{"2025-12-15T00:00:00Z", "2026-02-01T00:00:00Z", []uint32{202512, 202601}},
		{"2026-05-02T00:00:00Z", "2026-05-01T00:00:00Z", nil},
	} {
		if got := Months(ms(c.from), ms(c.until)); !slices.Equal(got, c.want) {
			t.Errorf("%s to %s: %v", c.from, c.until, got)
		}
	}
	if got := Months(0, maxMS); len(got) != MaxMonths+1 {
		t.Errorf("%d months for ever", len(got))
	}
}
