package message

import "strings"

// safeStyle keeps the declarations of a style attribute that only change how text and boxes look where they stand. Anything that
// fetches (url, image-set), leaves its place (position, transform, z-index, negative margins), runs (expression, behavior) or
// hides behind an escape or a comment is dropped, declaration by declaration.
func safeStyle(style string) string {
	if strings.Contains(style, "/*") {
		style = withoutComments(style)
	}
	var out []string
	for _, d := range declarations(style) {
		prop, value, ok := strings.Cut(d, ":")
		if !ok {
			continue
		}
		prop = strings.ToLower(strings.TrimSpace(prop))
		value = strings.TrimSpace(value)
		if i := strings.IndexByte(value, '!'); i >= 0 {
			value = strings.TrimSpace(value[:i]) // "!important" would win over our own style
		}
		if prop == "background" {
			prop, value = "background-color", backgroundColor(value)
		}
		if len(out) < 100 && safeValue(prop, value) {
			out = append(out, prop+":"+value)
		}
	}
	return strings.Join(out, ";")
}

func withoutComments(s string) string {
	var out strings.Builder
	for {
		before, after, ok := strings.Cut(s, "/*")
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		_, s, ok = strings.Cut(after, "*/")
		if !ok {
			return out.String()
		}
		out.WriteByte(' ')
	}
}

// declarations cuts at semicolons outside quotes and parentheses.
func declarations(s string) (list []string) {
	start, depth := 0, 0
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth = max(depth-1, 0)
		case c == ';' && depth == 0:
			list = append(list, s[start:i])
			start = i + 1
		}
	}
	return append(list, s[start:])
}

// backgroundColor is the colour of a "background" shorthand, or "".
func backgroundColor(value string) string {
	value = strings.ToLower(value)
	if i := strings.Index(value, "rgb"); i >= 0 && !strings.Contains(value, "url") {
		if j := strings.IndexByte(value[i:], ')'); j >= 0 {
			return value[i : i+j+1]
		}
	}
	for word := range strings.FieldsSeq(value) {
		switch word {
		case "no-repeat", "repeat", "repeat-x", "repeat-y", "center", "top", "left", "right", "bottom", "fixed", "scroll", "cover", "contain", "none", "initial", "inherit", "url":
			continue
		}
		if word[0] == '#' || isLetters(word) {
			return word
		}
	}
	return ""
}

func isLetters(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return s != ""
}

// safeValue says whether a declaration is on the list of properties and its value holds nothing but words, numbers, colours and
// quoted font names.
func safeValue(prop, value string) bool {
	if value == "" || len(value) > 300 {
		return false
	}
	// As a plain word none of these does anything, but no mail needs them.
	lower := strings.ToLower(value)
	for _, word := range []string{"expression", "javascript", "behavior", "position", "transform", "z-index"} {
		if strings.Contains(lower, word) {
			return false
		}
	}
	switch prop {
	case "color", "background-color", "font", "font-family", "font-size", "font-style", "font-variant", "font-weight", "line-height",
		"letter-spacing", "word-spacing", "text-align", "text-decoration", "text-transform", "text-indent", "vertical-align",
		"white-space", "word-break", "word-wrap", "overflow-wrap", "direction", "width", "height", "max-width", "max-height",
		"min-width", "min-height", "margin", "margin-top", "margin-right", "margin-bottom", "margin-left", "padding", "padding-top",
		"padding-right", "padding-bottom", "padding-left", "border", "border-top", "border-right", "border-bottom", "border-left",
		"border-color", "border-style", "border-width", "border-radius", "border-collapse", "border-spacing", "border-top-width",
		"border-bottom-width", "border-left-width", "border-right-width", "border-top-color", "border-bottom-color",
		"border-left-color", "border-right-color", "border-top-style", "border-bottom-style", "border-left-style",
		"border-right-style", "list-style-type", "table-layout", "empty-cells", "float", "clear", "box-sizing", "opacity":
	case "display":
		switch strings.ToLower(value) {
		case "none", "block", "inline", "inline-block", "table", "table-row", "table-cell", "list-item":
		default:
			return false
		}
	default:
		return false
	}
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == ' ', c == '.', c == ',', c == '%', c == '#', c == '"', c == '\'':
		case c == '-':
			if next := i + 1; next < len(value) && (value[next] == '.' || value[next] >= '0' && value[next] <= '9') {
				return false // a negative length would draw over what is not the mail's
			}
		case c == '(':
			switch name := strings.ToLower(value[:i]); {
			case strings.HasSuffix(name, "rgb"), strings.HasSuffix(name, "rgba"), strings.HasSuffix(name, "hsl"), strings.HasSuffix(name, "hsla"):
			default:
				return false
			}
		case c == ')':
		default:
			return false
		}
	}
	return strings.Count(value, `"`)%2 == 0 && strings.Count(value, "'")%2 == 0 && strings.Count(value, "(") == strings.Count(value, ")")
}
