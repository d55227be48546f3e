package ingest

import (
	"cmp"
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// ReadBackstageHistory reads the catalog-info.yaml files in the history of a
// repository, as [ReadBackstage] reads a folder. Each landing that changed what
// they declare becomes events that took effect with it, removals included. A
// version of a file that cannot be read changes nothing. Locations are not
// followed: name their files by config.Files.
func ReadBackstageHistory(ctx context.Context, config CatalogConfig, yield func([]whatchanged.Event) error) (Catalog, error) {
	return readCatalogHistory(ctx, backstage, config, yield)
}

// A catalogHistory is what a catalog declares at one landing after the other.
type catalogHistory struct {
	format  catalogFormat
	pattern string
	web     string
	blobs   *blobs
	state   *catalogState
	files   map[string][]declaration // by path
	catalog Catalog
}

func readCatalogHistory(ctx context.Context, format catalogFormat, config CatalogConfig, yield func([]whatchanged.Event) error) (Catalog, error) {
	pattern := cmp.Or(config.Files, format.files)
	if _, err := path.Match(pattern, ""); err != nil {
		return Catalog{}, badPattern(pattern)
	}
	g, history := &git{path: config.Path}, selection{ref: config.Ref}
	chain, err := g.chain(ctx, history)
	if err != nil {
		return Catalog{}, err
	}
	remote, _ := g.output(ctx, "config", "--get", "remote.origin.url") // a repository may have none
	blobs, err := g.blobs(ctx)
	if err != nil {
		return Catalog{}, err
	}
	defer blobs.close()
	h := &catalogHistory{format: format, pattern: pattern, web: webAddress(remote), blobs: blobs,
		state: newCatalogState(format.source), files: map[string][]declaration{}}
	out := gitBatch{yield: yield}
	done := 0
	if err := g.log(ctx, history, func(l landing) error {
		events, err := h.events(l)
		if err == nil {
			err = out.add(events)
		}
		if done++; config.Progress != nil {
			config.Progress(done, max(done, len(chain.names)))
		}
		return err
	}); err != nil {
		return h.catalog, err
	}
	h.catalog.Files, h.catalog.Entities, h.catalog.Circles = len(h.files), h.state.entities(), whatchanged.Circles(h.state.edges())
	return h.catalog, out.flush()
}

// events returns what a landing changed in what is declared. What moved from
// one file to another is declared still; of several declarations of an entity
// the one in the first file, by path, holds.
func (h *catalogHistory) events(l landing) ([]whatchanged.Event, error) {
	touched := map[string]bool{}
	for _, f := range l.fileChanges {
		if err := h.file(l, f, touched); err != nil {
			return nil, err
		}
	}
	if len(touched) == 0 {
		return nil, nil
	}
	declared := map[string]declaration{}
	for _, file := range slices.Backward(slices.Sorted(maps.Keys(h.files))) {
		for _, d := range h.files[file] {
			declared[d.ref] = d
		}
	}
	m := h.mark(l)
	var events []whatchanged.Event
	for _, ref := range slices.Sorted(maps.Keys(touched)) {
		if d, ok := declared[ref]; ok {
			events = append(events, h.state.take(d, m)...)
		} else {
			events = append(events, h.state.drop(ref, m)...)
		}
	}
	return events, nil
}

// file takes in a changed file, and adds the entities that it declared before
// or declares now to touched.
func (h *catalogHistory) file(l landing, f fileChange, touched map[string]bool) error {
	was, is := cmp.Or(f.from, f.path), f.after != "" && f.isFile && h.wanted(f.path)
	h.settle(was)
	var p parsed
	if is {
		var err error
		if p, err = h.parse(l, f); err != nil {
			return err
		}
	}
	if p.broken {
		return nil
	}
	if f.status != 'C' {
		for _, d := range h.files[was] {
			touched[d.ref] = true
		}
		delete(h.files, was)
	}
	if is {
		h.files[f.path] = p.declarations
	}
	for _, d := range p.declarations {
		touched[d.ref] = true
	}
	return nil
}

// parse reads a version of a file, and notes what was refused.
func (h *catalogHistory) parse(l landing, f fileChange) (parsed, error) {
	content, ok, err := h.blobs.read(f.after)
	if err != nil {
		return parsed{}, err
	}
	p := parsed{broken: true}
	if ok {
		p = h.format.parse(f.path, content)
	} else {
		p.refuse(f.path, "%v", errFileSize)
	}
	for _, n := range p.notes {
		if n.Refused {
			h.catalog.Notes = append(h.catalog.Notes, Note{At: l.commit[:min(len(l.commit), 12)] + ":" + n.At, Text: n.Text, Refused: true, file: f.path})
		}
	}
	return p, nil
}

// settle keeps what was refused in a file's former versions as having been
// passed over: a later one may have put it right.
func (h *catalogHistory) settle(file string) {
	for i := range h.catalog.Notes {
		if n := &h.catalog.Notes[i]; n.file == file {
			n.Refused = false
		}
	}
}

func (h *catalogHistory) wanted(file string) bool {
	ok, _ := path.Match(h.pattern, path.Base(file)) // the pattern was checked
	return ok && !strings.Contains("/"+file, "/node_modules/") && !strings.Contains("/"+file, "/vendor/")
}

func (h *catalogHistory) mark(l landing) mark {
	m := mark{tag: l.commit[:min(len(l.commit), 12)], at: l.committed, writtenAt: written(l.authored), actor: gitActor(l), commits: []string{l.commit}}
	if m.at.IsZero() {
		m.at = l.authored
	}
	if h.web != "" {
		m.links = []whatchanged.Link{{Rel: "evidence", URL: h.web + l.commit}}
	}
	return m
}
