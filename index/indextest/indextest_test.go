package indextest

import (
	"testing"

	"whatchanged.dev/whatchanged"
)

// The oracle must hold to every claim itself, or agreeing with it says little.
func TestOracle(t *testing.T) {
	Run(t, func(_ *testing.T, log []whatchanged.Delivery) Index { return Oracle(log) }, Options{})
}
