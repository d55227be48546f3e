package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"whatchanged.dev/whatchanged"
	"whatchanged.dev/whatchanged/index"
	"whatchanged.dev/whatchanged/index/changelog"
	"whatchanged.dev/whatchanged/index/cold"
	"whatchanged.dev/whatchanged/index/cold/embedded/enginetest"
	"whatchanged.dev/whatchanged/ingest"
)

// inProcess runs the way in at a time of the test's choosing, until the test
// ends, and gives it to do once it answers.
func inProcess(t *testing.T, name string, folder string, store index.Cold, now time.Time, do func(*testing.T, *ingest.Pipeline, *index.Index)) {
	t.Run(name, func(t *testing.T) {
		clock := func() time.Time { return now }
		log, err := changelog.Open(t.Context(), changelog.Config{Dir: folder})
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		x, err := index.New(index.Config{Log: log, Cold: store, Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- x.Run(ctx) }()
		defer func() {
			stop()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}()
		p, err := ingest.New(ingest.Config{Log: log, Known: x, Now: clock, RedactKey: []byte("key")})
		if err != nil {
			t.Fatal(err)
		}
		<-x.Loaded()
		do(t, p, x)
	})
}

// The log recognises a redelivery for an hour, and memory for two days; after
// that the store of all history does.
func TestARedeliveryDaysLaterIsKnown(t *testing.T) {
	e := enginetest.Start(t)
	store := index.Cold{Writer: cold.Config{Options: e.Writer()}, Reader: cold.Config{Options: e.Reader()}}
	folder := filepath.Join(t.TempDir(), "changelog")
	day := time.Now().UTC()
	accept := func(t *testing.T, p *ingest.Pipeline, events, duplicates int, batch string) whatchanged.Position {
		t.Helper()
		a, err := p.Accept(t.Context(), "cloudevents", whatchanged.Delivery{Header: map[string]string{"content-type": batchType}, Body: []byte(batch)})
		if err != nil || a.Events != events || a.Duplicates != duplicates {
			t.Fatalf("%+v, %v: want %d stored, %d known", a, err, events, duplicates)
		}
		return a.Position
	}
	one, two, three := ce("one", day.Add(-time.Minute)), ce("two", day.Add(-time.Minute)), ce("three", day.Add(-time.Minute))
	inProcess(t, "the first day", folder, store, day, func(t *testing.T, p *ingest.Pipeline, x *index.Index) {
		at := accept(t, p, 2, 0, "["+one+","+two+"]")
		r, err := cold.OpenReader(t.Context(), store.Reader)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		until(t, "it is stored", func() bool {
			mark, err := r.Watermark(t.Context())
			return err == nil && mark.Position == at
		})
	})
	inProcess(t, "a week later", folder, store, day.Add(7*24*time.Hour), func(t *testing.T, p *ingest.Pipeline, x *index.Index) {
		if n := x.Tiers(t.Context()).HotEvents; n != 0 {
			t.Errorf("memory still holds %d events: the store of all history is not tried", n)
		}
		if at := accept(t, p, 0, 2, "["+two+","+one+"]"); at != whatchanged.At(1) {
			t.Errorf("the redelivery is said to stand at %v", at)
		}
		at := accept(t, p, 1, 1, "["+two+","+three+"]")
		if err := x.Await(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		page, err := x.Changes(t.Context(), whatchanged.View{AsOf: whatchanged.MaxTime, KnownAt: at}, whatchanged.Selection{})
		if err != nil || page.Total != 3 {
			t.Errorf("%d events, %v: want 3", page.Total, err)
		}
	})
}
