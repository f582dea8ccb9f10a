package web

import (
	"strconv"
	"strings"

	"github.com/postern-mail/postern"
	"github.com/postern-mail/postern/mail/internal/store"
	"github.com/postern-mail/postern/mail/rules"
	"github.com/postern-mail/postern/ui"
)

// conditionsOffered is how many conditions the form of a new rule has.
const conditionsOffered = 3

// rulesView is the page of filters and forwarding.
type rulesView struct {
	Rules  []ruleLine
	Form   ruleForm
	Tried  bool
	Tally  int // of the latest messages, how many the form's conditions meet
	Looked int
}

// ruleLine is a rule in words.
type ruleLine struct {
	rules.Rule
	Place       int
	First, Last bool
	When        []string
	Does        []string
	NeedsProof  bool // switching it on needs the password
}

// ruleForm is what was typed.
type ruleForm struct {
	Match                           []ui.Option
	Rows                            []conditionRow
	Places                          []ui.Option
	Read, Flag, Stop, Keep          bool
	Forward                         string
	Problem, AddressError, PassFail string
}

type conditionRow struct {
	N            int
	Fields, Ways []ui.Option
	Value        string
}

func (w *Web) rulesPage(v *visit) error { return w.showRules(v, rulesView{Form: ruleForm{Keep: true}}) }

func (w *Web) showRules(v *visit, d rulesView, problems ...ui.Problem) error {
	list, err := w.Mail.Rules().Of(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	boxes, err := w.store.Mailboxes(v.ctx(), v.account.ID)
	if err != nil {
		return err
	}
	names := map[string]string{}
	chosen := v.PostFormValue("place")
	d.Form.Places = []ui.Option{{Value: "", Text: w.t(v, "rules.place.stay"), Selected: chosen == ""}}
	for _, b := range boxes {
		name := b.Name
		if b.Role != "" {
			name = w.t(v, "role."+b.Role)
		}
		names[string(b.ID)] = name
		if b.Role == "" || b.Role == store.RoleArchive {
			d.Form.Places = append(d.Form.Places, ui.Option{Value: string(b.ID), Text: name, Selected: chosen == string(b.ID)})
		}
	}
	for _, kind := range []string{rules.Junk, rules.Delete} {
		d.Form.Places = append(d.Form.Places, ui.Option{Value: kind, Text: w.t(v, "rules.does."+kind), Selected: chosen == kind})
	}
	for _, m := range []string{"all", "any"} {
		d.Form.Match = append(d.Form.Match, ui.Option{Value: m, Text: w.t(v, "rules.match."+m), Selected: v.PostFormValue("match") == m})
	}
	for n := range conditionsOffered {
		row := conditionRow{N: n + 1, Value: v.PostFormValue("value" + strconv.Itoa(n+1))}
		for _, f := range rules.Fields {
			row.Fields = append(row.Fields, ui.Option{Value: f, Text: w.t(v, "rules.field."+f), Selected: v.PostFormValue("field"+strconv.Itoa(n+1)) == f})
		}
		for _, way := range rules.Ways {
			row.Ways = append(row.Ways, ui.Option{Value: way, Text: w.t(v, "rules.way."+way), Selected: v.PostFormValue("way"+strconv.Itoa(n+1)) == way})
		}
		d.Form.Rows = append(d.Form.Rows, row)
	}
	for i, r := range list {
		l := ruleLine{Rule: r, Place: i + 1, First: i == 0, Last: i == len(list)-1, NeedsProof: !r.Active && len(rules.NewTargets(list, r)) > 0}
		for _, c := range r.Conditions {
			l.When = append(l.When, w.t(v, "rules.when", "field", w.t(v, "rules.field."+c.Field), "way", w.t(v, "rules.way."+c.Way), "value", c.Value))
		}
		for _, a := range r.Actions {
			target := a.Target
			if a.Kind == rules.File {
				if target = names[a.Target]; target == "" {
					target = "?"
				}
			}
			key := "rules.does." + a.Kind
			if a.Kind == rules.Forward && !a.Keep {
				key = "rules.does.forward-away"
			}
			l.Does = append(l.Does, w.t(v, key, "target", target))
		}
		d.Rules = append(d.Rules, l)
	}
	return w.showSettings(v, "settings-rules", d, problems...)
}

// typedRule reads the form.
func (v *visit) typedRule() rules.Rule {
	r := rules.Rule{Any: v.PostFormValue("match") == "any"}
	for n := range conditionsOffered {
		i := strconv.Itoa(n + 1)
		if value := strings.TrimSpace(v.PostFormValue("value" + i)); value != "" {
			r.Conditions = append(r.Conditions, rules.Condition{Field: v.PostFormValue("field" + i), Way: v.PostFormValue("way" + i), Value: value})
		}
	}
	switch place := v.PostFormValue("place"); place {
	case "":
	case rules.Junk, rules.Delete:
		r.Actions = append(r.Actions, rules.Action{Kind: place})
	default:
		r.Actions = append(r.Actions, rules.Action{Kind: rules.File, Target: place})
	}
	for _, kind := range []string{rules.Read, rules.Flag, rules.Stop} {
		if v.PostFormValue(kind) != "" {
			r.Actions = append(r.Actions, rules.Action{Kind: kind})
		}
	}
	if to := strings.TrimSpace(v.PostFormValue("forward")); to != "" {
		r.Actions = append(r.Actions, rules.Action{Kind: rules.Forward, Target: to, Keep: v.PostFormValue("keep") != ""})
	}
	return r
}

func (v *visit) typedForm() ruleForm {
	on := func(name string) bool { return v.PostFormValue(name) != "" }
	return ruleForm{Read: on("read"), Flag: on("flag"), Stop: on("stop"), Keep: on("keep"), Forward: v.PostFormValue("forward")}
}

// newRule keeps what was typed, or with "try" says what it would have met.
func (w *Web) newRule(v *visit) error {
	typed := v.typedRule()
	d := rulesView{Form: v.typedForm()}
	if v.PostFormValue("try") != "" {
		var err error
		d.Tried = true
		d.Tally, d.Looked, err = w.tryRule(v, typed)
		if err != nil {
			return err
		}
		return w.showRules(v, d)
	}
	_, err := w.Mail.Rules().Add(v.ctx(), v.account, typed, rules.Proof{Password: v.PostFormValue("password"), From: from(v.Request)})
	if err == nil {
		w.setFlash(v, flash{Text: "done.rule"})
		return v.redirect("/settings/rules")
	}
	return w.ruleProblem(v, d, err)
}

// ruleProblem shows a refusal beside the field that it is about.
func (w *Web) ruleProblem(v *visit, d rulesView, err error) error {
	switch k := postern.KindOf(err); {
	case k != postern.Invalid && k != postern.Denied && k != postern.Conflict:
		return err
	}
	text, field := w.ui.Sentence(v.lang, err), "value1"
	switch key := postern.KeyOf(err); {
	case postern.KindOf(err) == postern.Denied:
		field, d.Form.PassFail = "password", text
	case key == "rules.invalid.address" || key == "rules.invalid.own" || key == "rules.refused.forwards":
		field, d.Form.AddressError = "forward", text
	case key == "rules.invalid.actions" || key == "rules.invalid.mailbox":
		field, d.Form.Problem = "place", text
	default:
		d.Form.Problem = text
	}
	return w.showRules(v, d, ui.Problem{Field: field, Text: text})
}

// triedMessages is how many of the latest messages a rule is tried on.
const triedMessages = 50

func (w *Web) tryRule(v *visit, r rules.Rule) (met, looked int, err error) {
	inbox, err := w.store.MailboxByRole(v.ctx(), v.account.ID, store.RoleInbox)
	if err != nil {
		return 0, 0, err
	}
	items, _, err := w.store.Page(v.ctx(), v.account.ID, store.Filter{Mailbox: inbox.ID, Limit: triedMessages})
	if err != nil {
		return 0, 0, err
	}
	for _, it := range items {
		f, err := w.Mail.RuleFacts(v.ctx(), v.account.ID, it.ID)
		if err != nil {
			return 0, 0, err
		}
		if len(r.Conditions) > 0 && r.Matches(f) {
			met++
		}
	}
	return met, len(items), nil
}

// changeRule is every button of a rule's line: on, off, up, down, remove.
func (w *Web) changeRule(v *visit) error {
	id, list := v.PathValue("rule"), w.Mail.Rules()
	var err error
	switch do := v.PostFormValue("do"); do {
	case "on", "off":
		err = list.Turn(v.ctx(), v.account, id, do == "on", rules.Proof{Password: v.PostFormValue("password"), From: from(v.Request)})
	case "up", "down":
		err = list.Move(v.ctx(), v.account.ID, id, do == "up")
	case "remove":
		err = list.Remove(v.ctx(), v.account.ID, id)
	default:
		err = &postern.Error{Kind: postern.Invalid, Text: "there is no such button"}
	}
	if err != nil {
		return w.ruleProblem(v, rulesView{Form: ruleForm{Keep: true}}, err)
	}
	w.setFlash(v, flash{Text: "done.saved"})
	return v.redirect("/settings/rules")
}
