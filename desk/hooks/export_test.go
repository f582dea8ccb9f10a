package hooks

// Parse is for the fuzzer.
func Parse(kind string, body []byte) (any, bool, error) { return Hook{Kind: kind}.parse(body) }
