package whatchanged

import (
	"errors"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestWhenStandsForAMoment(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want time.Time
	}{
		{"2026-03-01T11:50:00Z", noon.Add(-10 * time.Minute)},
		{"2026-03-01T12:50:00+01:00", noon.Add(-10 * time.Minute)},
		{"-2h", noon.Add(-2 * time.Hour)},
		{"-90m", noon.Add(-90 * time.Minute)},
		{"-7d", noon.AddDate(0, 0, -7)},
		{"-1w", noon.AddDate(0, 0, -7)},
		{"-0.5d", noon.Add(-12 * time.Hour)},
		{"now", noon},
	} {
		w, err := ParseWhen(tt.in)
		if err != nil {
			t.Errorf("ParseWhen(%q): %v", tt.in, err)
			continue
		}
		if got, ok := w.Absolute(noon); !ok || !got.Equal(tt.want) {
			t.Errorf("%q at noon is %v, %v; want %v", tt.in, got, ok, tt.want)
		}
	}
}

func TestWhenNamesWhatMustBeLookedUp(t *testing.T) {
	w, err := ParseWhen("inc:INC-42")
	if id, ok := w.AsIncident(); err != nil || !ok || id != "INC-42" {
		t.Errorf("inc:INC-42 is incident %q, %v, %v", id, ok, err)
	}
	w, err = ParseWhen("pos:12.3")
	if p, ok := w.AsPosition(); err != nil || !ok || p != (Position{12, 3}) {
		t.Errorf("pos:12.3 is %v, %v, %v", p, ok, err)
	}
	if _, ok := w.Absolute(noon); ok {
		t.Error("a position needs no clock")
	}
}

func TestParseWhenRefuses(t *testing.T) {
	for _, in := range []string{"", "yesterday", "2h", "--2h", "-2x", "-", "inc:", "pos:", "pos:x", "2026-03-01", "9999-01-01T00:00:00Z", "-99999999999999999d", "-d"} {
		if w, err := ParseWhen(in); !errors.Is(err, ErrInvalid) {
			t.Errorf("ParseWhen(%q) = %v, %v; want ErrInvalid", in, w, err)
		}
	}
}

func FuzzParseWhen(f *testing.F) {
	for _, s := range []string{"-2h", "-7d", "pos:1.2", "inc:X", "2026-03-01T11:50:00Z", "now"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w, err := ParseWhen(s)
		if err != nil {
			return
		}
		again, err := ParseWhen(w.String())
		if err != nil || again.String() != w.String() {
			t.Errorf("ParseWhen(%q) writes %q, which reads as %q, %v", s, w, again, err)
		}
	})
}

func TestPositionsReadBack(t *testing.T) {
	for _, p := range []Position{{1, 0}, {12, 3}, At(7), {}} {
		got, err := ParsePosition(p.String())
		if err != nil || got != p {
			t.Errorf("%v reads back as %v, %v", p, got, err)
		}
	}
}

func TestPositionsOfADeliveryLieBeforeItsEnd(t *testing.T) {
	if (Position{5, 999}).Compare(At(5)) >= 0 || At(5).Compare(Position{6, 0}) >= 0 {
		t.Error("want pos:5.999 < pos:5 < pos:6.0")
	}
}

func TestIntervalsAreHalfOpen(t *testing.T) {
	i := Interval{From: noon, To: noon.Add(time.Hour)}
	if !i.Contains(noon) || i.Contains(noon.Add(time.Hour)) || i.Contains(noon.Add(-1)) {
		t.Error("want [from, to)")
	}
}
