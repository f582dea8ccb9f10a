package e2e_test

// browser is one person's browser on one face. Elements are found as a person
// finds them, by what they say; fields by the name that the form sends.
type browser interface {
	visit(url string) error
	follow(text string) error             // a link
	followTo(part string) error           // the first link whose address has this in it
	press(text string) error              // a button; submits its form
	fill(name, value string) error        // a text field, a list, or a box that is ticked with "on"
	choose(name, text string) error       // of a list, what says this
	only(name, text string) error         // ticks one box of several, by its label
	text() (string, error)                // what the page says, spaces folded
	address() (string, error)             // where it is
	download(text string) ([]byte, error) // what a link leads to
	close()
}
