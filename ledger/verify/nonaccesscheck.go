package verify

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
)

// CheckNonAccessFile checks a [NonAccess] in the order of docs/ledger-format.md, "The proof of non-access".
func CheckNonAccessFile(file []byte, p Policy) Report {
	r := newReport("non-access")
	r.limit("not-round", "not-who", "not-password", "not-before", "not-number")
	if !r.known(file, NonAccessHeader) {
		return r.done()
	}
	proof, err := ParseNonAccess(file)
	if err != nil {
		return r.refuse(refuse(WhyFormat, "%w", err))
	}
	c := nonAccess{NonAccess: proof, r: r, policy: p}
	for _, step := range []func() error{c.window, c.stated, c.heads, c.epoch, c.months, c.streams} {
		if err := step(); err != nil {
			return r.refuse(err)
		}
	}
	for _, a := range c.opened {
		r.access(a)
	}
	if err := c.found(); err != nil {
		return r.refuse(err)
	}
	if err := c.witnessed(); err != nil {
		return r.refuse(err)
	}
	r.Says = append(r.Says, Sentence{"none", []string{strconv.FormatInt(c.s0, 10), strconv.FormatInt(c.s1, 10)}})
	r.Rests = true
	return r.done()
}

// nonAccess is a proof on its way through the checks.
type nonAccess struct {
	NonAccess
	r      *Report
	policy Policy

	start, end, latest Checkpoint
	s0, s1             int64
	root               [32]byte // of the map
	series             []SeriesLeaf
	opened             []openedAccess
}

type openedAccess struct {
	n      uint32
	tier   uint8
	index  int64
	record *Disclosure
}

func (c *nonAccess) window() error {
	months := Months(c.From, c.Until)
	tiers := Tiers + 1 - int(c.Tier)
	switch {
	case c.From >= c.Until:
		return refuse(WhyFormat, "the window ends before it begins")
	case len(months) > MaxMonths || len(c.Series) != len(months) || len(c.Streams) != len(months)*tiers:
		return refuse(WhyWindow, "%d months and %d streams for a window of %d months and %d tiers", len(c.Series), len(c.Streams), len(months), tiers)
	}
	for i, s := range c.Streams {
		if s.Series != months[i/tiers] || int(s.Tier) != int(c.Tier)+i%tiers {
			return refuse(WhyWindow, "stream %d is %d %s, and not that of the window", i, s.Series, tierNames[s.Tier-1])
		}
	}
	return nil
}

func (c *nonAccess) stated() error {
	s, no := c.policy.openStatement(c.Statement)
	if no != nil {
		return no
	}
	finding := FindingNone
	if c.Count() > 0 {
		finding = FindingAccessed
	}
	hash := c.ProofHash()
	if s.Account != c.Account || s.From != c.From || s.Until != c.Until || s.Tier != c.Tier || s.Finding != finding || s.Count != c.Count() ||
		s.Erased != 0 || !s.GateOnly || !bytes.Equal(s.Proof, hash[:]) {
		return refuse(WhyStatement, "the signed statement is about something else")
	}
	c.r.statement(s)
	c.start.Origin = s.Log
	return nil
}

func (c *nonAccess) heads() error {
	origin := c.start.Origin
	for _, h := range []struct {
		signed []byte
		to     *Checkpoint
		fact   string
	}{{c.Start, &c.start, "start-size"}, {c.End, &c.end, "end-size"}, {c.Latest, &c.latest, "latest-size"}} {
		got, no := c.policy.open(h.signed)
		if no != nil {
			return no
		}
		if got.Origin != origin {
			return refuse(WhyOrigin, "%q in the statement, %q in a checkpoint", origin, got.Origin)
		}
		*h.to = got
		c.r.fact(h.fact, strconv.FormatInt(got.Size, 10))
	}
	c.s0, c.s1 = c.start.Size, c.end.Size
	if err := CheckConsistency(c.start, c.end, c.StartPath); err != nil {
		return err
	}
	return CheckConsistency(c.end, c.latest, c.EndPath)
}

func (c *nonAccess) epoch() error {
	leaf, err := ParseLeaf(c.EpochLeaf)
	e, ok := leaf.(EpochLeaf)
	if err != nil || !ok {
		return refuse(WhyEpoch, "the epoch leaf is none")
	}
	if int64(e.Covered) != c.EpochIndex || e.Covered > MaxSize {
		return refuse(WhyEpoch, "epoch %d covers %d leaves and stands at %d", e.Epoch, e.Covered, c.EpochIndex)
	}
	if err := CheckInclusion(c.latest, c.EpochIndex, c.EpochLeaf, c.EpochPath); err != nil {
		return err
	}
	// The leaf at Covered is the epoch itself, which carries no tag.
	if c.s1 > c.EpochIndex+1 {
		return refuse(WhyEpoch, "the map covers %d leaves, the window's end is at %d", e.Covered, c.s1)
	}
	c.root = e.MapRoot
	c.r.fact("epoch", strconv.FormatUint(e.Epoch, 10)+" ("+stamp(e.TimeMS)+")")
	return nil
}

func (c *nonAccess) months() error {
	for i, month := range Months(c.From, c.Until) {
		p := c.Series[i]
		leaf, err := ParseLeaf(p.Leaf)
		s, ok := leaf.(SeriesLeaf)
		if err != nil || !ok {
			return refuse(WhySeries, "the series leaf of %d is none", month)
		}
		if s.Series != month || !s.isMonth() {
			return refuse(WhySeries, "series %d stands for %d", s.Series, month)
		}
		if err := CheckInclusion(c.latest, p.Index, p.Leaf, p.Path); err != nil {
			return err
		}
		c.series = append(c.series, s)
	}
	return nil
}

func (c *nonAccess) streams() error {
	tiers := Tiers + 1 - int(c.Tier)
	for i := range c.Streams {
		if err := c.stream(&c.Streams[i], c.series[i/tiers]); err != nil {
			return fmt.Errorf("%w", err)
		}
	}
	return nil
}

func (c *nonAccess) stream(s *StreamAbsence, series SeriesLeaf) error {
	if s.Before > 0 {
		_, index, present, err := c.place(series, s.Tier, s.Before, s.BeforeVRF, s.BeforeMap)
		if err != nil {
			return err
		}
		if !present || index >= c.s0 {
			return refuse(WhyPlace, "disclosure %d of tier %s is not before the window", s.Before, tierNames[s.Tier-1])
		}
	}
	for i := range s.Accesses {
		a := &s.Accesses[i]
		if a.N != s.Before+1+uint32(i) {
			return refuse(WhyPlace, "access %d where %d is next", a.N, s.Before+1+uint32(i))
		}
		tag, index, present, err := c.place(series, s.Tier, a.N, a.VRF, a.Map)
		if err != nil {
			return err
		}
		if !present || index < c.s0 || index >= c.s1 {
			return refuse(WhyPlace, "disclosure %d of tier %s is not in the window", a.N, tierNames[s.Tier-1])
		}
		rec, err := c.open(a, s.Tier, series, tag, index)
		if err != nil {
			return err
		}
		c.opened = append(c.opened, openedAccess{a.N, s.Tier, index, rec})
	}
	next := s.Before + 1 + uint32(len(s.Accesses))
	_, index, present, err := c.place(series, s.Tier, next, s.AfterVRF, s.AfterMap)
	if err != nil {
		return err
	}
	if present && index < c.s1 {
		return refuse(WhyPlace, "disclosure %d of tier %s stands at %d, before the window's end", next, tierNames[s.Tier-1], index)
	}
	return nil
}

// place finds where the map has number n of a stream.
func (c *nonAccess) place(series SeriesLeaf, tier uint8, n uint32, vrf, file []byte) (tag [32]byte, index int64, present bool, err error) {
	tag, err = VerifyTag(series.Suite, series.PublicKey, Alpha(series.Series, c.Account, tier, n), vrf)
	if err != nil {
		return tag, 0, false, refuse(WhyTag, "disclosure %d of tier %s in %d: %w", n, tierNames[tier-1], series.Series, err)
	}
	m, err := ParseMapProof(file)
	if err != nil {
		return tag, 0, false, refuse(WhyFormat, "%w", err)
	}
	at, present, err := m.Verify(c.root, tag)
	if err != nil || at > MaxSize {
		return tag, 0, false, refuse(WhyMap, "disclosure %d of tier %s in %d: %w", n, tierNames[tier-1], series.Series, err)
	}
	return tag, int64(at), present, nil
}

// open checks an access' record, nil when it is no longer kept.
func (c *nonAccess) open(a *Access, tier uint8, series SeriesLeaf, tag [32]byte, index int64) (*Disclosure, error) {
	if a.Record == nil {
		return nil, nil
	}
	rec, err := ParseDisclosure(a.Record)
	if err != nil {
		return nil, refuse(WhyRecord, "%w", err)
	}
	if rec.Account != c.Account || rec.Tier != tier {
		return nil, refuse(WhyRecord, "the record of disclosure %d is of another account or tier", a.N)
	}
	if rec.TimeMS < series.StartMS || rec.TimeMS >= series.EndMS {
		return nil, refuse(WhySeries, "the record's time is outside series %d", series.Series)
	}
	leaf := DisclosureLeaf{tag, DisclosureCommitment(a.Salt, a.Record)}.Marshal()
	if err := CheckInclusion(c.latest, index, leaf[:], a.Path); err != nil {
		return nil, err
	}
	return &rec, nil
}

// found says what the accesses come to.
func (c *nonAccess) found() error {
	for _, a := range c.opened {
		if a.record == nil || a.record.TimeMS >= c.From && a.record.TimeMS < c.Until {
			c.r.Says = append(c.r.Says, Sentence{"accessed", []string{strconv.FormatUint(uint64(a.n), 10), tierNames[a.tier-1]}})
		}
	}
	if len(c.r.Says) > 0 {
		return refuse(WhyAccessed, "%d in all; positions [%d, %d)", len(c.r.Says), c.s0, c.s1)
	}
	if len(c.opened) > 0 {
		return refuse(WhyEdge, "%d within the merge delay of the window's edge", len(c.opened))
	}
	return nil
}

// witnessed checks that the places mean times.
func (c *nonAccess) witnessed() error {
	if !c.policy.Quorum() {
		return refuse(WhyUnwitnessed, "the policy says quorum none, so no time is known but the provider's own")
	}
	if !c.policy.MapAsked() && !c.policy.MapNone() {
		return refuse(WhyUnwitnessed, "the policy has no line map, so nobody vouches for the map")
	}
	for _, h := range []struct {
		signed []byte
		fact   string
		counts func(ms uint64) bool
	}{
		{c.Start, "start-witness", func(ms uint64) bool { return ms <= c.From }},
		{c.End, "end-witness", func(ms uint64) bool { return ms >= c.Until+uint64(MergeDelay.Milliseconds()) }},
		{c.Latest, "latest-witness", func(uint64) bool { return true }},
	} {
		times, err := c.policy.Cosignatures(h.signed)
		if err != nil {
			return refuse(WhyFormat, "%w", err)
		}
		var names []string
		for name, at := range times {
			if h.counts(at * 1000) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		has := func(name string) bool { return slices.Contains(names, name) }
		if !c.policy.Satisfied(has) {
			return refuse(WhyWitness, "%s: %d of those who cosigned count", h.fact, len(names))
		}
		if h.fact == "latest-witness" && !c.policy.MapSatisfied(has) {
			return refuse(WhyWitness, "nobody who replays the map has cosigned the latest checkpoint")
		}
		for _, name := range names {
			c.r.fact(h.fact, name+" "+stamp(times[name]*1000))
		}
	}
	return nil
}

func (r *Report) access(a openedAccess) {
	r.fact("access", fmt.Sprintf("%d %s", a.n, tierNames[a.tier-1]))
	r.fact("index", strconv.FormatInt(a.index, 10))
	if a.record != nil {
		r.disclosure(*a.record)
	}
}
