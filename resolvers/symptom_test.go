package resolvers

import "testing"

// TestWhatSaysThatItChangesWhatIsInUse: as words, whatever their case, not as
// parts of words.
func TestWhatSaysThatItChangesWhatIsInUse(t *testing.T) {
	for summary, want := range map[string]string{
		"Switch restbase to envoy":       "Switch",
		"cache: ENABLE tls everywhere":   "ENABLE",
		"group1 wikis to 1.35, all":      "all",
		"Add a user":                     "",
		"set_x and reused are no words":  "",
		"überall":                        "",
		"":                               "",
		"a word longer than any of them": "",
	} {
		if got := inUse(summary); got != want {
			t.Errorf("inUse(%q) = %q, want %q", summary, got, want)
		}
	}
}
