package drill

// Scorecard is what a drill measured: the thief's own record on one side, what
// Postern concluded on the other. Its JSON is a contract with whoever keeps
// scorecards over time.
type Scorecard struct {
	Scenario string `json:"scenario"`
	Policy   string `json:"policy"`
	Seed     int64  `json:"seed"`
	// Thief is counted by the thief, from the bytes received.
	Thief struct {
		AccountsEnvelope int `json:"accounts_envelope"` // of which a subject was received
		AccountsContent  int `json:"accounts_content"`  // of which a body was received
		MessagesContent  int `json:"messages_content"`
		Attempts         int `json:"attempts"` // to see an account's mail
		Refused          int `json:"refused"`  // of them, those that gave nothing
	} `json:"thief"`
	// Found is what the scope names.
	Found struct {
		AccountsEnvelope int `json:"accounts_envelope"`
		AccountsContent  int `json:"accounts_content"`
		MessagesContent  int `json:"messages_content"`
	} `json:"found"`
	// Missed and Extra count (account, tier, message): what the thief received
	// and the scope does not name, and the reverse.
	Missed int `json:"missed"`
	Extra  int `json:"extra"`
	Detect struct {
		Seconds float64 `json:"seconds"` // from the thief's first sign-in, on the simulated clock
		By      string  `json:"by"`      // the rule
	} `json:"detect"`
	Contain struct {
		MS               float64 `json:"ms"` // on this machine's clock
		DisclosuresAfter int     `json:"disclosures_after"`
	} `json:"contain"`
	Scope struct {
		MS float64 `json:"ms"`
	} `json:"scope"`
	Notices struct {
		Due       int            `json:"due"`
		Sent      int            `json:"sent"`
		Twice     int            `json:"twice"` // mailboxes with more than one
		Wrong     int            `json:"wrong"` // mailboxes with one that the scope does not name
		Languages map[string]int `json:"languages"`
	} `json:"notices"`
	Statements struct {
		Asked   int `json:"asked"`
		Proved  int `json:"proved"`
		Refuted int `json:"refuted"`
	} `json:"statements"`
	Agents struct {
		Cases       int `json:"cases"`
		Delayed     int `json:"delayed"`      // cases in which an agent had to wait for a yes
		FalseAlerts int `json:"false_alerts"` // alerts about somebody else
	} `json:"agents"`
	Ledger struct {
		Leaves   int64 `json:"leaves"`
		Verified bool  `json:"verified"`
	} `json:"ledger"`
}
