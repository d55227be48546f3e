package resolvers

import "strings"

// The fence around text from outside. What stands for it inside is replaced,
// so that nothing in the text can end it.
const (
	FenceOpen = "«"
	FenceShut = "»"
)

var unfenced = strings.NewReplacer(FenceOpen, "‹", FenceShut, "›")

// Fence marks text from outside as what it is. A single plain word, such as a
// version, a name or a link, says nothing that could be taken for an
// instruction, and stands as it is.
func Fence(text string) string {
	if plain(text) {
		return text
	}
	return FenceOpen + unfenced.Replace(Flat(text)) + FenceShut
}

// fenced marks each of several texts.
func fenced(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = Fence(text)
	}
	return out
}

// maxWord is how long a word may be, in bytes, that stands unfenced: an id is
// made of an address and a hash.
const maxWord = 300

func plain(text string) bool {
	if len(text) > maxWord {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.,:;/@%=?&+~#[]*", rune(c)) {
			return false
		}
	}
	return true
}
