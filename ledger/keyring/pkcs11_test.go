package keyring_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/postern-mail/postern/ledger/keyring"
	"github.com/postern-mail/postern/ledger/keys"
)

// With POSTERN_TEST_TOOLS the log is signed by a key that never leaves a PKCS#11
// module: SoftHSM's, through OpenSC's pkcs11-tool, by the command of docs/keys.md.
func TestAPKCS11ModuleSigns(t *testing.T) {
	modules := []string{}
	if os.Getenv("POSTERN_TEST_TOOLS") != "" {
		found, err := filepath.Glob("/usr/lib/*softhsm/libsofthsm2.so")
		if more, _ := filepath.Glob("/usr/lib/*/softhsm/libsofthsm2.so"); len(found)+len(more) == 0 || err != nil {
			t.Fatalf("POSTERN_TEST_TOOLS wants softhsm2 and opensc: %v", err)
		} else {
			modules = append(found, more...)[:1]
		}
	}
	for _, module := range modules {
		s, before := newSource(t)
		dir := t.TempDir()
		t.Setenv("SOFTHSM2_CONF", write(t, filepath.Join(dir, "softhsm.conf"), "directories.tokendir = "+dir+"\nobjectstore.backend = file\nlog.level = ERROR\n"))
		t.Setenv("POSTERN_PIN", "567890")
		run := func(name string, args ...string) []byte {
			t.Helper()
			b, err := exec.Command(name, args...).Output()
			if err != nil {
				t.Fatalf("%s %v: %v", name, args, err)
			}
			return b
		}
		tool := []string{"--module", module, "--login", "--pin", "env:POSTERN_PIN"}
		run("softhsm2-util", "--init-token", "--free", "--label", "postern", "--so-pin", "123456", "--pin", "567890")
		run("pkcs11-tool", append(tool, "--keypairgen", "--key-type", "EC:edwards25519", "--label", "log", "--id", "01")...)
		public := run("pkcs11-tool", "--module", module, "--read-object", "--type", "pubkey", "--id", "01")
		if _, err := keyring.RotateLog(ctx, s, write(t, filepath.Join(dir, "log.pem"), string(public))); err != nil {
			t.Fatal(err)
		}
		s.Sign = append([]string{"pkcs11-tool"}, append(tool, "--sign", "--mechanism", "EDDSA", "--id", "01")...)
		k := load(t, s)
		signed, err := note.Sign(&note.Note{Text: "mx.example.org/ledger\n1\nAAAA\n"}, k.Signer)
		if err != nil {
			t.Fatal(err)
		}
		v, err := note.NewVerifier(k.LogPublic)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
			t.Error(err)
		}
		if k.LogPublic == before.LogPublic || k.Earlier[0] != before.LogPublic {
			t.Error("the module's key did not take over")
		}
		text, err := keys.ReadKeyFiles(s.Dir)
		if err != nil || text[keys.FileLog] != before.Log+"\n" {
			t.Errorf("log.key holds something else than the key that is on its way out, %v", err)
		}
	}
}
