package codec

import (
	"maps"
	"slices"

	"github.com/postern-mail/postern/message"
)

// A structure is its parts from the root on, each before its children. Headers
// are left out: whoever wants one has the offsets and the bytes.

// EncodeStructure writes a tree of parts.
func EncodeStructure(root *message.Part) []byte {
	e := encoder{b: append(make([]byte, 0, 128), version)}
	e.uint(uint64(countParts(root)))
	e.part(root)
	return e.b
}

func countParts(p *message.Part) int {
	n := 1
	for _, c := range p.Parts {
		n += countParts(c)
	}
	if p.Message != nil {
		n += countParts(p.Message.Root)
	}
	return n
}

func (e *encoder) part(p *message.Part) {
	for _, s := range []string{p.Path, p.Type, p.Subtype, p.ID, p.Description, p.Encoding, p.Disposition, p.Filename} {
		e.string(s)
	}
	e.params(p.Params)
	e.params(p.DispositionParams)
	for _, n := range []int{p.HeaderStart, p.BodyStart, p.End, p.Lines} {
		e.uint(uint64(n))
	}
	e.uint(uint64(len(p.Parts)))
	for _, c := range p.Parts {
		e.part(c)
	}
	if p.Message == nil {
		e.b = append(e.b, 0)
		return
	}
	e.b = append(e.b, 1)
	e.envelope(&p.Message.Envelope)
	e.part(p.Message.Root)
}

func (e *encoder) params(m map[string]string) {
	e.uint(uint64(len(m)))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		e.string(name)
		e.string(m[name])
	}
}

// partDecoder takes parts from one slab.
type partDecoder struct {
	decoder
	slab []message.Part
}

// DecodeStructure reads a tree of parts; their headers are empty.
func DecodeStructure(b []byte) (*message.Part, error) {
	d := partDecoder{decoder: decoder{s: string(b)}}
	if d.byte() != version {
		return nil, ErrDamaged
	}
	const least = 15 // bytes of an empty part
	d.slab = make([]message.Part, d.count(least))
	root := d.part(0)
	if d.bad || d.s != "" || len(d.slab) != 0 {
		return nil, ErrDamaged
	}
	return root, nil
}

func (d *partDecoder) part(depth int) *message.Part {
	// message.MaxDepth bounds what is written; the bound here is against damage.
	if len(d.slab) == 0 || depth > 2*message.MaxDepth+2 {
		d.s, d.bad = "", true
		return nil
	}
	p := &d.slab[0]
	d.slab = d.slab[1:]
	for _, s := range []*string{&p.Path, &p.Type, &p.Subtype, &p.ID, &p.Description, &p.Encoding, &p.Disposition, &p.Filename} {
		*s = d.string()
	}
	p.Params = d.params()
	p.DispositionParams = d.params()
	for _, n := range []*int{&p.HeaderStart, &p.BodyStart, &p.End, &p.Lines} {
		v := d.uint()
		if v > message.MaxSize {
			d.s, d.bad = "", true
		}
		*n = int(v)
	}
	if n := d.count(1); n > 0 && n <= len(d.slab) {
		p.Parts = make([]*message.Part, 0, n)
		for range n {
			c := d.part(depth + 1)
			if c == nil {
				return nil
			}
			p.Parts = append(p.Parts, c)
		}
	} else if n > 0 {
		d.s, d.bad = "", true
		return nil
	}
	if d.byte() == 1 {
		m := &message.Message{}
		d.envelope(&m.Envelope)
		if m.Root = d.part(depth + 1); m.Root == nil {
			return nil
		}
		p.Message = m
	}
	if d.bad {
		return nil
	}
	return p
}

func (d *partDecoder) params() map[string]string {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		name := d.string()
		m[name] = d.string()
	}
	return m
}
