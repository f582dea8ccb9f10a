package node

import (
	"reflect"
	"strings"

	"github.com/postern-mail/postern/node/spelling"
)

// ConfigReference lists the config's keys, for the command line's help.
func ConfigReference() string {
	return "  " + strings.Join(keys(), "\n  ")
}

func keys() []string { return spelling.Keys(reflect.TypeFor[Config](), reflect.TypeFor[Duration]()) }
