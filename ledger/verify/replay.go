package verify

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrReplay says that the leaves are not a log that this package's rules allow.
var ErrReplay = errors.New("the log breaks its rules")

// Replayer recomputes everything that follows from the leaves, and checks every rule that leaves alone can
// show broken:
//
//   - each is a leaf of a known type and form;
//   - no tag stands twice;
//   - the first leaf is a series leaf, each month (UTC) from the first to the last has exactly one, in order;
//   - a month is tallied once at most, after its series leaf, by a leaf that states its own index, and all
//     tallies together count no more disclosures than there are;
//   - epochs count 1, 2, 3; each covers exactly the leaves before it, states the number of their tags and the
//     root of the map over them; their times do not run back.
//
// The zero value is ready. After an error it must not be used further.
type Replayer struct {
	// Trusted is how many leaves somebody replayed before: the map's roots that epochs among them state are
	// not recomputed one by one, and duplicates among them are found with the first epoch after them.
	Trusted int64

	tree    Tree
	tags    Map
	pending []Entry
	epoch   EpochLeaf
	earlier EpochLeaf
	series  []SeriesLeaf
	tallies []TallyLeaf
}

// Add takes the next leaf.
func (r *Replayer) Add(leaf []byte) error {
	if err := r.add(leaf); err != nil {
		return fmt.Errorf("%w: leaf %d: %w", ErrReplay, r.tree.Size(), err)
	}
	r.tree.Append(leaf)
	return nil
}

func (r *Replayer) add(b []byte) error {
	leaf, err := ParseLeaf(b)
	if err != nil {
		return err
	}
	if _, ok := leaf.(SeriesLeaf); !ok && len(r.series) == 0 {
		return errors.New("the log does not begin with a series leaf")
	}
	switch l := leaf.(type) {
	case DisclosureLeaf:
		r.pending = append(r.pending, Entry{Tag: l.Tag, Index: uint64(r.tree.Size())})
	case SeriesLeaf:
		if slices.ContainsFunc(r.series, func(o SeriesLeaf) bool { return o.Series == l.Series }) {
			return fmt.Errorf("series %d stands twice", l.Series)
		}
		if !l.isMonth() {
			return fmt.Errorf("series %d does not last its month", l.Series)
		}
		if n := len(r.series); n > 0 && r.series[n-1].EndMS != l.StartMS {
			return fmt.Errorf("series %d does not follow series %d", l.Series, r.series[n-1].Series)
		}
		r.series = append(r.series, l)
	case TallyLeaf:
		return r.addTally(l)
	case EpochLeaf:
		return r.addEpoch(l)
	}
	return nil
}

func (r *Replayer) addEpoch(l EpochLeaf) error {
	trusted := r.tree.Size() < r.Trusted
	if !trusted {
		if err := r.Settle(); err != nil {
			return err
		}
	}
	switch {
	case l.Epoch != r.epoch.Epoch+1:
		return fmt.Errorf("epoch %d after epoch %d", l.Epoch, r.epoch.Epoch)
	case l.Covered != uint64(r.tree.Size()):
		return fmt.Errorf("epoch %d says it covers %d leaves", l.Epoch, l.Covered)
	case l.TimeMS < r.epoch.TimeMS:
		return fmt.Errorf("epoch %d is earlier than the one before", l.Epoch)
	case l.Tags != uint64(r.Tags()):
		return fmt.Errorf("epoch %d says %d tags, the leaves have %d", l.Epoch, l.Tags, r.Tags())
	case !trusted && l.MapRoot != r.tags.Root():
		return fmt.Errorf("epoch %d states another map root than its leaves give", l.Epoch)
	}
	r.earlier, r.epoch = r.epoch, l
	return nil
}

// Tags returns how many tags the leaves have so far.
func (r *Replayer) Tags() int { return r.tags.Len() + len(r.pending) }

// Settle puts the tags since the last epoch into the map, and finds those that stand twice.
func (r *Replayer) Settle() error {
	if err := r.tags.Insert(r.pending...); err != nil {
		return err
	}
	r.pending = r.pending[:0]
	return nil
}

// Size returns the number of leaves taken.
func (r *Replayer) Size() int64 { return r.tree.Size() }

// Root returns the root of the log over them.
func (r *Replayer) Root() tlog.Hash { return r.tree.Root() }

// Epoch returns the last epoch leaf, zero if there was none.
func (r *Replayer) Epoch() EpochLeaf { return r.epoch }

// Earlier returns the epoch leaf before the last, zero if there was none.
func (r *Replayer) Earlier() EpochLeaf { return r.earlier }

// Series returns the series leaves in order.
func (r *Replayer) Series() []SeriesLeaf { return r.series }

// Map returns the map over all tags up to the last epoch or call of [Replayer.Settle]. The replayer goes on
// using it.
func (r *Replayer) Map() *Map { return &r.tags }

// Pending returns how many tags came after the last epoch and are not yet in the map.
func (r *Replayer) Pending() int { return len(r.pending) }

// Replay checks a whole log, leaf by leaf from index 0, and returns what it computed. The map then holds
// every tag, those after the last epoch too.
func Replay(leaves iter.Seq2[[]byte, error]) (*Replayer, error) {
	r := &Replayer{}
	for leaf, err := range leaves {
		if err != nil {
			return nil, fmt.Errorf("couldn't read leaf %d: %w", r.Size(), err)
		}
		if err := r.Add(leaf); err != nil {
			return nil, err
		}
	}
	if err := r.Settle(); err != nil {
		return nil, fmt.Errorf("%w: after the last epoch: %w", ErrReplay, err)
	}
	return r, nil
}
