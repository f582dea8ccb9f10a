package message

import "bytes"

// Decoded undoes the transfer encoding (RFC 2045, 6) and returns at most limit bytes; truncated says whether there were more.
// Broken base64 and quoted-printable give what can be read of them. The result may be a part of raw: do not write to it.
func (p *Part) Decoded(raw []byte, limit int) (b []byte, truncated bool) {
	body := p.body(raw)
	limit = max(limit, 0)
	switch p.Encoding {
	case "base64":
		return decodeBase64(body, limit)
	case "quoted-printable":
		return decodeQuoted(body, limit)
	case "x-uuencode", "uuencode", "x-uue":
		return decodeUU(body, limit)
	}
	if len(body) > limit {
		return body[:limit:limit], true
	}
	return body[:len(body):len(body)], false
}

// body is the part's bytes in raw, or nothing when raw is not the message that was parsed.
func (p *Part) body(raw []byte) []byte {
	if p.BodyStart < 0 || p.BodyStart > p.End || p.End > len(raw) {
		return nil
	}
	return raw[p.BodyStart:p.End]
}

// size is how many bytes Decoded would give without a limit, or close to it when the encoding is broken.
func (p *Part) size(raw []byte) int {
	body := p.body(raw)
	switch p.Encoding {
	case "base64":
		n := 0
		for _, c := range body {
			if base64Value[c] >= 0 {
				n++
			}
		}
		return n * 6 / 8
	case "quoted-printable", "x-uuencode", "uuencode", "x-uue":
		b, _ := p.Decoded(raw, len(body))
		return len(b)
	}
	return len(body)
}

// base64Value is the value of a base64 digit, or -1.
var base64Value = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = int8(i)
	}
	return t
}()

// decodeBase64 skips all that is no digit (RFC 2045, 6.8), takes padding for the end of a run and goes on after it, since some
// programs join encoded pieces.
func decodeBase64(in []byte, limit int) (out []byte, truncated bool) {
	out = make([]byte, 0, min(len(in)/4*3+3, limit+3))
	var acc uint32
	bits := 0
	for i := 0; i < len(in); i++ {
		// Whole groups without line ends are nearly all of a body.
		if bits == 0 && i+4 <= len(in) {
			a, b, c, d := base64Value[in[i]], base64Value[in[i+1]], base64Value[in[i+2]], base64Value[in[i+3]]
			if a|b|c|d >= 0 {
				v := uint32(a)<<18 | uint32(b)<<12 | uint32(c)<<6 | uint32(d)
				out = append(out, byte(v>>16), byte(v>>8), byte(v))
				i += 3
				if len(out) > limit {
					return out[:limit:limit], true
				}
				continue
			}
		}
		v := base64Value[in[i]]
		switch {
		case in[i] == '=':
			acc, bits = 0, 0
		case in[i] == '\n' && i+2 < len(in) && in[i+1] == in[i+2] && (in[i+1] == '-' || in[i+1] == '_'):
			return out, false // the rule above the text that a mailing list put under the body
		case v >= 0:
			acc, bits = acc<<6|uint32(v), bits+6
			if bits >= 8 {
				bits -= 8
				out = append(out, byte(acc>>bits))
				acc &= 1<<bits - 1
				if len(out) > limit {
					return out[:limit:limit], true
				}
			}
		}
	}
	return out, false
}

// decodeQuoted undoes quoted-printable (RFC 2045, 6.7). A "=" that starts no escape is kept.
func decodeQuoted(in []byte, limit int) (out []byte, truncated bool) {
	out = make([]byte, 0, min(len(in), limit+1))
	for len(in) > 0 {
		line := in
		if i := bytes.IndexByte(in, '\n'); i >= 0 {
			line = in[:i+1]
		}
		in = in[len(line):]
		text := trimEOL(line)
		eol := line[len(text):]
		text = bytes.TrimRight(text, " \t")
		if n := len(text); n > 0 && text[n-1] == '=' {
			text, eol = text[:n-1], nil
		}
		for i := 0; i < len(text); i++ {
			if c := text[i]; c == '=' && i+2 < len(text) && unhex(text[i+1]) >= 0 && unhex(text[i+2]) >= 0 {
				out = append(out, byte(unhex(text[i+1])<<4|unhex(text[i+2])))
				i += 2
			} else {
				out = append(out, c)
			}
		}
		out = append(out, eol...)
		if len(out) > limit {
			return out[:limit:limit], true
		}
	}
	return out, false
}

// decodeUU undoes uuencode, between its "begin" and "end" lines.
func decodeUU(in []byte, limit int) (out []byte, truncated bool) {
	begun := false
	for len(in) > 0 {
		line := in
		if i := bytes.IndexByte(in, '\n'); i >= 0 {
			line = in[:i+1]
		}
		in = in[len(line):]
		line = trimEOL(line)
		switch {
		case !begun:
			begun = bytes.HasPrefix(line, []byte("begin "))
			continue
		case bytes.Equal(line, []byte("end")):
			return out, false
		case len(line) == 0:
			continue
		}
		n := int(line[0]-' ') & 63
		for i := 1; n > 0 && i < len(line); i += 4 {
			var v uint32
			for j := range 4 {
				v <<= 6
				if i+j < len(line) {
					v |= uint32(line[i+j]-' ') & 63
				}
			}
			out = append(out, []byte{byte(v >> 16), byte(v >> 8), byte(v)}[:min(n, 3)]...)
			n -= 3
		}
		if len(out) > limit {
			return out[:limit:limit], true
		}
	}
	return out, false
}
