package node

import "strings"

// ConfigReference lists the config's keys, for the command line's help.
func ConfigReference() string {
	return "  " + strings.Join(keys(), "\n  ")
}
