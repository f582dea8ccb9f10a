package postern_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/postern-mail/postern"

// rule says which of our packages the packages under a folder may import. All
// may import the root package, and a package those below it of the same rule.
type rule struct {
	folder string // the longest that fits a package counts
	may    []string
	why    string
}

// The table of ARCHITECTURE.md, "Who may import whom". An import that is not
// here is a wall broken: change the table only with a reason written there.
var rules = []rule{
	{"", nil, "the nouns know no one"},
	{"cmd/postern", []string{"node/detection", "node", "node/demo", "drill", "evidence", "gate/policy", "ledger/auditor", "ledger/export", "ledger/keyring", "ledger/verify", "ledger/verify/cosigner", "ledger/verify/mirror", "node/bench"}, "the binary is flags and subcommands; what they do stands in node"},
	{"node", []string{"account", "api", "blob", "db", "db/open", "desk", "desk/hooks", "desk/web", "gate", "gate/history", "gate/foreign", "gate/policy", "ledger", "ledger/auditor", "ledger/keyring", "ledger/verify", "ledger/verify/wording", "mail", "mail/check", "mail/imapd", "mail/queue", "mail/rules", "mail/smtpd", "mail/web", "message", "message/archive", "password", "response", "node/detection", "node/known", "node/readers", "node/spelling", "response/detect", "response/incident", "response/notify", "response/scope", "response/web", "staff", "staff/device", "staff/oidc", "staff/scim", "ui"}, "the one place where the planes meet"},

	{"message", nil, "reading a message needs no account and no disk"},
	{"message/archive", []string{"message"}, "archives are read and written from streams"},
	{"message/guarded", []string{"message", "message/internal/wordlist"}, "whether a message opens other doors is told from its text alone"},
	{"password", nil, "account and staff hash alike and must not know each other"},
	{"db", nil, "a handle knows no room"},
	{"db/dbtest", []string{"db"}, "what both engines must do"},
	{"db/open", []string{"db"}, "opening is for node alone"},
	{"blob", nil, "bytes by name"},
	{"ui", nil, "a button knows no plane"},

	{"account", []string{"db", "password"}, "customers are in the mail plane and know no staff"},
	{"staff", []string{"db", "password", "staff/device", "staff/hours", "staff/throttle"}, "staff are in the staff plane and know no customers"},
	{"staff/throttle", []string{"db", "password"}, "counts failures by hashes"},
	{"staff/hours", nil, "whether it is night is told from the clock alone"},
	{"staff/device", nil, "whether a request was signed by a key is decided without a database"},
	{"staff/oidc", []string{"staff", "db"}, "who another provider says somebody is"},
	{"staff/scim", []string{"staff"}, "joiners, movers and leavers by a directory's API"},

	{"mail", []string{"account", "ledger", "message", "message/archive", "message/guarded", "mail/rules", "db", "blob"}, "of the ledger it needs receipts alone; it does not know who is asking"},
	{"mail/rules", []string{"account", "message", "db"}, "what customers have done with their mail as it arrives"},
	{"mail/web", []string{"mail", "mail/internal/store", "mail/rules", "mail/web/told", "account", "ledger", "message", "message/archive", "db", "blob", "ui"}, "the customer's face"},

	{"mail/web/told", []string{"mail/internal/store"}, "what was shown of an account, for its owner's page alone"},

	{"ledger/witness", []string{"ledger/verify"}, "a witness is asked by formats that anybody can read"},
	{"ledger/receipt", nil, "the mail plane believes a signature, and needs no ledger for that"},
	{"ledger", []string{"db", "blob", "ledger/keys", "ledger/receipt", "ledger/verify", "ledger/witness"}, "the formats are written once, in the auditor's half"},
	{"ledger/keys", []string{"ledger/verify"}, "keys are read before there is a ledger"},
	{"ledger/export", []string{"ledger/verify/mirror"}, "the public log in an object store"},
	{"ledger/verify/cosigner", []string{"ledger/verify", "ledger/verify/mirror"}, "an auditor's witness: believes nothing of ours but the verifier"},
	{"ledger/auditor", []string{"ledger", "ledger/verify"}, "an auditor has the ledger's answers and the verifier, and no table"},
	{"ledger/keyring", []string{"ledger/keys", "ledger/verify"}, "where keys are kept is nobody else's business"},
	{"ledger/verify", nil, "an auditor reads this folder and nothing else"},
	{"ledger/verify/mirror", []string{"ledger/verify"}, "an auditor reads a published log by its formats alone"},
	{"gate/fields", nil, "which fields a tier shows: nothing is kept or read"},
	{"gate/detail", nil, "the text of a control record"},
	{"gate", []string{"gate/budget", "gate/detail", "gate/fields", "gate/hold", "gate/lease", "gate/policy", "gate/watch", "ledger", "ledger/verify", "staff", "db"}, "mailboxes reach it as an interface; it reads no mail"},
	{"gate/hold", []string{"ledger", "ledger/verify", "staff", "db"}, "what customers are told of emergencies is promised in the gate's transactions"},
	{"gate/budget", []string{"gate/policy", "db"}, "it counts ids under a rule, and decides nothing else"},
	{"gate/lease", []string{"staff"}, "what is on its way to a page is known in memory alone"},
	{"gate/watch", nil, "what has ended is known to open pages from memory alone"},
	{"gate/history", []string{"gate", "gate/policy", "ledger", "staff", "db"}, "what was asked and done is read, and never changed"},
	{"gate/policy", []string{"ledger", "ledger/verify", "staff"}, "what a policy says can be replayed over the ledger's history without a gate"},
	{"gate/foreign", []string{"gate", "ledger", "message", "message/guarded", "db"}, "mailboxes on another server, behind the same receipts; its handle is the mail plane's"},
	{"gate/gatetest", []string{"gate", "ledger"}, "what every Mailboxes must do and refuse"},
	{"desk", []string{"gate", "gate/policy", "staff", "db"}, "the desk has no way to a mailbox but the gate"},
	{"desk/hooks", []string{"desk", "staff", "db"}, "ticket systems hear of cases, and never of mail"},
	{"desk/web", []string{"desk", "desk/hooks", "gate", "gate/fields", "gate/history", "gate/policy", "staff", "staff/device", "ui"}, "the agents' face"},
	{"api", []string{"desk", "gate", "gate/history", "ledger", "ledger/verify", "response", "response/detect", "response/incident", "response/notify", "response/scope", "staff"}, "the pages' acts for programs, through the same rooms"},
	{"response", []string{"response/detect", "response/incident", "response/notify", "response/refuse", "response/scope", "gate", "gate/policy", "ledger", "ledger/verify", "staff", "db"}, "its parts together; mailboxes reach it as Controls"},
	{"response/incident", []string{"response/notice", "response/refuse", "staff", "db"}, "the record of a breach: it acts on nothing"},
	{"response/sigma", nil, "judges events, and acts on nothing"},
	{"response/detect/rules", []string{"response/sigma"}, "the rule pack, in Sigma"},
	{"response/detect", []string{"response/detect/rules", "response/incident", "response/refuse", "response/sigma", "gate", "gate/policy", "ledger", "ledger/verify", "staff", "db"}, "reads the feeds, raises alerts, ends nothing"},
	{"response/scope", []string{"response/incident", "response/refuse", "ledger", "staff", "db"}, "what was shown, from the ledger alone"},
	{"response/notify", []string{"response/incident", "response/notice", "response/refuse", "response/scope", "gate", "ledger", "ledger/verify", "staff", "db"}, "tells people what the scope says, and no more"},
	{"response/refuse", []string{"db"}, "how the response centre says no"},
	{"response/web", []string{"response", "response/detect", "response/incident", "response/notify", "response/scope", "gate", "staff", "staff/device", "ui"}, "the responders' face"},

	{"evidence", []string{"response"}, "foreign logs become accesses that response can scope"},
	{"drill", []string{"node", "message", "drill/stranger"}, "the thief and the agents come from outside, as strangers do"},
	{"drill/stranger", nil, "a stranger knows nothing of ours"},
	{"testkit", []string{"node", "node/demo", "staff", "gate", "gate/policy", "response", "password"}, "a whole Postern in a test"},
	{"testkit/engine", []string{"db", "db/open"}, "a plane's database in a test, on every engine"},
	{"testkit/postgres", nil, "a private cluster for the tests"},
	{"testkit/fuzz", nil, "runs the fuzz targets"},
	{"node/known", []string{"account", "desk", "response/detect", "response/sigma", "staff"}, "what detection asks of the other rooms, as truths alone"},
	{"node/detection", []string{"response/detect", "response/sigma", "staff"}, "what the command line asks of the rules"},
	{"node/spelling", nil, "compares words"},
	{"node/demo", []string{"node", "account", "desk", "gate", "gate/policy", "ledger/verify", "ledger/verify/cosigner", "mail/rules", "message", "password", "staff"}, "people and mail for a node"},
	{"node/readers", []string{"account", "mail", "mail/queue", "mail/web/told", "message", "response", "response/notify", "staff"}, "what notices need of the mail plane"},
	{"node/bench", []string{"node", "account", "blob", "db", "db/open", "desk", "gate", "gate/policy", "ledger", "ledger/verify", "mail", "mail/imapd", "mail/smtpd", "mail/check", "mail/queue", "message", "message/archive", "password", "response/incident", "response/notify", "response/scope", "staff"}, "what postern bench measures: rooms by themselves, and a whole node from outside"},
	{"e2e", []string{"node", "testkit", "testkit/engine", "drill/stranger"}, "promises are kept from outside"},
}

// neverSQL are rooms that must not hold a database of their own opening.
var neverSQL = []string{"desk", "response"}

// mailFolders is frozen: a new folder under mail/ is a new holder of the key to
// every mailbox.
var mailFolders = []string{"internal/erase", "check", "imapd", "internal", "internal/codec", "internal/query", "internal/store", "internal/store/migrations", "internal/store/storetest", "migrations", "queue", "queue/migrations", "rules", "rules/migrations", "smtpd", "web", "web/told"}

// expected are rules for rooms that later work builds; until then they may name
// a folder that is not there.
var expected = []string{"evidence"}

func TestImports(t *testing.T) {
	packages := goFiles(t)
	for _, dir := range sorted(packages) {
		r, ok := ruleFor(dir)
		if !ok {
			t.Errorf("%s: no rule says what it may import: add one to deps_test.go and to ARCHITECTURE.md", dir)
			continue
		}
		for _, file := range packages[dir] {
			test := strings.HasSuffix(file, "_test.go")
			for _, imported := range imports(t, file) {
				if (imported == "database/sql" || strings.HasPrefix(imported, "database/sql/")) && !test && slices.ContainsFunc(neverSQL, func(n string) bool { return under(dir, n) }) {
					t.Errorf("%s imports %s: this room gets its handle from node (%s)", file, imported, r.why)
				}
				own, ours := strings.CutPrefix(imported, module+"/")
				if !ours || own == dir || allowed(r, own) {
					continue
				}
				if test && (under(own, "testkit") || own == "db/open" || own == "password" || under(own, dir) || under(own, r.folder) || testOnly(dir, own)) {
					continue
				}
				t.Errorf("%s imports %s: not allowed; %s may import %s, because %s", file, own, orRoot(r.folder), strings.Join(r.may, ", "), r.why)
			}
		}
	}
}

// testOnly are imports that tests have and the code has not: a real neighbour
// in place of a fake, always on the same side of the wall.
func testOnly(dir, imported string) bool {
	same := map[string][]string{
		"":         {"ledger/verify", "testkit", "node", "ui"},
		"response": {"desk", "response/sigma", "gate/fields"},
		"gate":     {"desk", "gate/gatetest"},
		"desk":     {"ledger", "gate", "gate/policy"},
		"drill":    {"testkit"},
		"node":     {"drill", "gate/gatetest"},
		"e2e":      {"staff", "response", "response/detect", "response/incident"},
		"api":      {"account", "node", "gate/fields", "gate/policy", "mail"},
		"desk/web": {"db"},
	}
	for room, may := range same {
		if (room == "" && dir == "") || (room != "" && under(dir, room)) {
			if slices.Contains(may, imported) {
				return true
			}
		}
	}
	return under(imported, "ui/htmlcheck")
}

func TestRulesNameWhatExists(t *testing.T) {
	packages := goFiles(t)
	for _, r := range rules {
		for _, p := range append([]string{r.folder}, r.may...) {
			if _, ok := packages[p]; !ok && !slices.Contains(expected, p) {
				t.Errorf("the rule for %s names %s, which is gone", orRoot(r.folder), p)
			}
		}
		if r.why == "" {
			t.Errorf("the rule for %s has no reason", orRoot(r.folder))
		}
	}
	for _, p := range expected {
		if _, ok := packages[p]; ok {
			t.Errorf("%s is there: take it out of the expected ones", p)
		}
	}
}

func TestMailFoldersAreFrozen(t *testing.T) {
	root := os.DirFS("mail")
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || p == "." {
			return err
		}
		if strings.Contains(p, "testdata") || strings.HasPrefix(p, "web/") {
			return nil
		}
		if !slices.Contains(mailFolders, p) {
			t.Errorf("mail/%s is new: whoever stands under mail/ can read every message without a receipt; say why in ARCHITECTURE.md and add it here", p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func allowed(r rule, imported string) bool {
	if slices.Contains(r.may, imported) {
		return true
	}
	// A room's own inner packages go with it.
	if r.folder == "" || !under(imported, r.folder) {
		return false
	}
	inner, _ := ruleFor(imported)
	return inner.folder == r.folder
}

func ruleFor(dir string) (best rule, ok bool) {
	for _, r := range rules {
		if r.folder == "" && dir != "" {
			continue
		}
		if under(dir, r.folder) && (!ok || len(r.folder) > len(best.folder)) {
			best, ok = r, true
		}
	}
	return best, ok
}

func under(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }

func orRoot(folder string) string {
	if folder == "" {
		return "the root package"
	}
	return folder
}

// goFiles reads the tree itself: the go command's answers come from a cache
// that does not see a new import, and go test then passes without looking.
func goFiles(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := fs.WalkDir(os.DirFS("."), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(p, ".go") {
			dir := path.Dir(p)
			if dir == "." {
				dir = ""
			}
			found[dir] = append(found[dir], p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	// os.ReadFile is what makes the test's cache entry depend on the file.
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var list []string
	for _, s := range f.Imports {
		p, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		list = append(list, p)
	}
	return list
}

func sorted(m map[string][]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
