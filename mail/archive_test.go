package mail_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail"
	"github.com/postern-mail/postern/message/archive"
	"github.com/postern-mail/postern/testkit/engine"
)

// corpus is every .txt and .eml file below POSTERN_TEST_CORPUS, else awkward
// messages written by hand.
func corpus(t *testing.T) fs.FS {
	t.Helper()
	if dir := os.Getenv("POSTERN_TEST_CORPUS"); dir != "" {
		files := fstest.MapFS{}
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if ext := filepath.Ext(name); err != nil || !d.Type().IsRegular() || ext != ".txt" && ext != ".eml" {
				return err
			}
			b, err := os.ReadFile(name)
			rel, _ := filepath.Rel(dir, name)
			files[filepath.ToSlash(rel)] = &fstest.MapFile{Data: b, ModTime: time.Unix(1e9, 0)}
			return err
		})
		if err != nil || len(files) == 0 {
			t.Fatalf("no messages below %s: %v", dir, err)
		}
		return files
	}
	files := fstest.MapFS{}
	for name, raw := range map[string]string{
		"plain.eml":          invoice,
		"guarded.eml":        guarded,
		"from-line.eml":      "From ana@x.example Thu Mar 28 09:00:00 2019\nSubject: kept\n\nFrom the start\n>From quoted\n>>From twice\n",
		"no-line-end.eml":    "Subject: x\n\nends without a line end",
		"mixed.eml":          "Subject: x\r\n\nlf\r\ncrlf\rcr\n\n\n",
		"nul-8bit.eml":       "Subject: caf\xe9\x00\n\n\x00\xff\xfe\r\n",
		"no-header.eml":      "just words\n",
		"one-byte.eml":       "x",
		"blank.eml":          "\r\n\r\n",
		"été/deep/inner.eml": "Subject: in a folder\r\n\r\n--\r\n",
		"long-line.eml":      "Subject: long\r\n\r\n" + strings.Repeat("x", 100_000),
		"broken-mime.eml":    "Content-Type: multipart/mixed; boundary=\"a\"\r\n\r\n--a\r\nContent-Type: multipart/alternative; boundary=\"a\"\r\n\r\n--a\r\n",
	} {
		files[name] = &fstest.MapFile{Data: []byte(raw), ModTime: time.Unix(1e9, 0)}
	}
	return files
}

// tally counts messages by their bytes.
func tally(t *testing.T, from mail.Source) map[[32]byte]int {
	t.Helper()
	sums := map[[32]byte]int{}
	err := from(func(e archive.Entry) error {
		sums[sha256.Sum256(e.Raw)]++
		return e.Err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// What is imported and exported again is the same bytes, in every form.
func TestExportGivesTheSameBytesBack(t *testing.T) {
	files := corpus(t)
	want := tally(t, mail.EML(files))
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := newHouse(t, opened)
		report, err := h.Import(ctx, h.ana.ID, mail.EML(files), mail.ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if report.Taken != report.Seen || len(report.Refused) != 0 {
			t.Errorf("refused: %v %v", report.Refused, report.Examples)
		}
		t.Logf("%d taken, %d whole, repaired %v", report.Taken, report.Whole, report.Repaired)
		for form, read := range map[string]func(fs.FS) mail.Source{
			mail.FormEML: mail.EML, mail.FormMaildir: mail.Maildir, mail.FormMBOX: allMBOX,
		} {
			t.Run(form, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "out")
				out, err := h.Export(ctx, h.ana.ID, dir, form, nil)
				if err != nil {
					t.Fatal(err)
				}
				if out.Messages != report.Taken || out.Bytes != report.Bytes {
					t.Errorf("exported %+v, imported %+v", out, report)
				}
				if got := tally(t, read(os.DirFS(dir))); !maps.Equal(got, want) {
					t.Errorf("%d different messages came back of %d", len(got), len(want))
				}
				if _, err := h.Export(ctx, h.ana.ID, dir, form, nil); postern.KindOf(err) != postern.Conflict {
					t.Errorf("a second export over the first: %v", err)
				}
			})
		}
	})
}

// allMBOX reads every mbox below a folder.
func allMBOX(fsys fs.FS) mail.Source {
	return func(each func(archive.Entry) error) error {
		return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := fs.ReadFile(fsys, name)
			if err != nil || len(b) == 0 {
				return err
			}
			return mail.MBOX(bytes.NewReader(b))(each)
		})
	}
}

func TestMaildirKeepsFoldersFlagsAndDates(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	at := time.Date(2019, 3, 28, 9, 0, 0, 0, time.UTC)
	for _, mailbox := range []string{"INBOX", "INBOX/sub", "Été/.hidden", "Été/cur"} {
		if _, err := h.Append(ctx, h.ana.ID, mailbox, []byte("Subject: "+mailbox+"\r\n\r\n"), []string{`\Seen`, `\Flagged`, "$Forwarded"}, at); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if _, err := h.Export(ctx, h.ana.ID, dir, mail.FormMaildir, nil); err != nil {
		t.Fatal(err)
	}
	var folders []string
	err := mail.Maildir(os.DirFS(dir))(func(e archive.Entry) error {
		folders = append(folders, e.Folder)
		slices.Sort(e.Flags)
		if !e.Received.Equal(at) || fmt.Sprint(e.Flags) != `[$Forwarded \Flagged \Seen]` {
			t.Errorf("%s: %v, %v", e.Folder, e.Received, e.Flags)
		}
		return e.Err
	})
	slices.Sort(folders)
	if want := []string{"INBOX", "INBOX/sub", "Été/_.hidden", "Été/_cur"}; err != nil || !slices.Equal(folders, want) {
		t.Errorf("folders %v, %v, want %v", folders, err, want)
	}
}

// Bad messages cost themselves alone, and every one is accounted for.
func TestImportCountsWhatItRefuses(t *testing.T) {
	engine.Each(t, func(t *testing.T, opened engine.Open) {
		h := newHouse(t, opened)
		source := mail.Source(func(each func(archive.Entry) error) error {
			for i := range 450 {
				e := archive.Entry{Name: fmt.Sprint(i), Raw: []byte("Subject: x\r\n\r\n")}
				switch i {
				case 3:
					e.Raw = nil
				case 5:
					e.Raw, e.Err = nil, archive.ErrTooLarge
				case 7:
					e.Raw, e.Err = nil, errors.New("a bad sector")
				case 9:
					e.Flags = []string{"two words"}
				case 11:
					e.Folder = "a\x00b"
				}
				if err := each(e); err != nil {
					return err
				}
			}
			return nil
		})
		progress := 0
		report, err := h.Import(ctx, h.ana.ID, source, mail.ImportOptions{Progress: func(done int) {
			if done < progress {
				t.Errorf("progress went from %d to %d", progress, done)
			}
			progress = done
		}})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{mail.RefusedEmpty: 1, mail.RefusedTooLarge: 1, mail.RefusedUnread: 1, mail.RefusedFlags: 1}
		if !maps.Equal(report.Refused, want) || report.Taken != 446 || report.Seen != 450 || progress != 450 || len(report.Examples) != 4 {
			t.Errorf("%+v, progress %d", report, progress)
		}
		ids, err := h.Find(ctx, h.ana.ID, postern.Scope{Mailbox: "INBOX", Limit: 100})
		if err != nil || len(ids) != 100 {
			t.Errorf("%d found, %v", len(ids), err)
		}
	})
}

func TestImportEndsAtTheQuotaOrSkips(t *testing.T) {
	h := newHouse(t, engine.SQLite(t))
	small, err := h.accounts.Create(ctx, accountWithQuota(60))
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for i := range 5 {
		files[fmt.Sprintf("%d.eml", i)] = &fstest.MapFile{Data: []byte("Subject: xxxxx\r\n\r\n12")} // 20 bytes
	}
	report, err := h.Import(ctx, small.ID, mail.EML(files), mail.ImportOptions{})
	if postern.KeyOf(err) != "mail.quota-full" || report.Taken != 3 {
		t.Errorf("%+v, %v", report, err)
	}
	report, err = h.Import(ctx, small.ID, mail.EML(files), mail.ImportOptions{SkipFull: true})
	if err != nil || report.Refused[mail.RefusedFull] != 5 {
		t.Errorf("%+v, %v", report, err)
	}
}
