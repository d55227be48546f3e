package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"whatchanged.dev/whatchanged"
)

// ReadBackstage hands what the catalog-info.yaml files of a file or a folder
// declare to yield, in batches: a topology event for each entity, with all
// that is said of it, and one for each dependency; an ownership event for each
// owner. What a Location leads to within the folder is read too.
//
// The ids of the events come from what is declared, so that reading a catalog
// again stores only what is new in it; see [CatalogConfig.Stored] for what
// is gone. A document that says something impossible is left out and noted,
// and the others are read.
func ReadBackstage(ctx context.Context, config CatalogConfig, yield func([]whatchanged.Event) error) (Catalog, error) {
	return readCatalog(ctx, backstage, config, yield)
}

// A target is where a file leads to.
type target struct {
	at   string // file:line
	from string // the file
	path string // relative to the file's folder; may be a pattern, in which ** is any folders
	url  bool   // it is not a file
}

// catalogFiles reads the files of a folder, and nothing outside it.
type catalogFiles struct {
	format  catalogFormat
	root    *os.Root
	folder  string // as it was named
	seen    map[string]bool
	queue   []string
	all     []string // every file of the folder, once a pattern asked for it
	catalog Catalog
	found   []declaration
}

func readCatalog(ctx context.Context, format catalogFormat, config CatalogConfig, yield func([]whatchanged.Event) error) (Catalog, error) {
	f, err := openCatalog(format, config)
	if err != nil {
		return Catalog{}, err
	}
	defer f.root.Close()
	for done := 0; done < len(f.queue); done++ {
		if err := ctx.Err(); err != nil {
			return f.catalog, err
		}
		if err := f.read(f.queue[done]); err != nil {
			return f.catalog, err
		}
		if config.Progress != nil {
			config.Progress(done+1, len(f.queue))
		}
	}
	return f.tell(ctx, config, yield)
}

// openCatalog lists the files that were named or are to be looked for.
func openCatalog(format catalogFormat, config CatalogConfig) (*catalogFiles, error) {
	info, err := os.Stat(config.Path)
	if err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeNotFound, "%s: there is no such file or folder", quote(config.Path)).In("path").Hiding(err)
	}
	f := &catalogFiles{format: format, folder: config.Path, seen: map[string]bool{}}
	if !info.IsDir() {
		f.folder = filepath.Dir(config.Path)
	}
	if f.root, err = os.OpenRoot(f.folder); err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s cannot be read", quote(f.folder)).In("path").Hiding(err)
	}
	if !info.IsDir() {
		f.add(filepath.Base(config.Path))
		return f, nil
	}
	pattern := cmp.Or(config.Files, format.files)
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, errors.Join(badPattern(pattern), f.root.Close())
	}
	if err := f.list(); err != nil {
		return nil, errors.Join(err, f.root.Close())
	}
	for _, file := range f.all {
		if ok, _ := path.Match(pattern, path.Base(file)); ok {
			f.add(file)
		}
	}
	if len(f.queue) == 0 {
		none := whatchanged.Errorf(whatchanged.CodeNotFound, "%s holds no file named %s", quote(config.Path), pattern).In("path")
		return nil, errors.Join(none, f.root.Close())
	}
	return f, nil
}

func badPattern(pattern string) error {
	return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s: want a pattern of names, such as catalog-info*.yaml", quote(pattern)).In("files")
}

func (f *catalogFiles) add(file string) {
	if !f.seen[file] {
		f.seen[file] = true
		f.queue = append(f.queue, file)
	}
}

// list finds every file of the folder, in order, outside of what others wrote.
func (f *catalogFiles) list() error {
	if f.all != nil {
		return nil
	}
	f.all = []string{}
	return fs.WalkDir(f.root.FS(), ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && file != ".":
			f.note(file, "cannot be read", true)
			return nil
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "node_modules", "vendor"}, entry.Name()):
			return fs.SkipDir
		case entry.Type().IsRegular():
			f.all = append(f.all, file)
		}
		return nil
	})
}

// note keeps what became of a part of the catalog, by the file's whole name.
func (f *catalogFiles) note(at, text string, refused bool) {
	f.catalog.Notes = append(f.catalog.Notes, Note{At: filepath.ToSlash(filepath.Join(f.folder, at)), Text: text, Refused: refused})
}

func (f *catalogFiles) read(file string) error {
	content, err := readAtMost(f.root, file)
	switch {
	case errors.Is(err, errFileSize):
		f.note(file, err.Error(), true)
		return nil
	case err != nil:
		f.note(file, "cannot be read", true)
		return nil
	}
	f.catalog.Files++
	p := f.format.parse(file, content)
	f.found = append(f.found, p.declarations...)
	for _, n := range p.notes {
		f.note(n.At, n.Text, n.Refused)
	}
	for _, t := range p.targets {
		if err := f.follow(t); err != nil {
			return err
		}
	}
	return nil
}

var errFileSize = fmt.Errorf("larger than %d MiB: split the file", maxFile>>20)

func readAtMost(root *os.Root, name string) ([]byte, error) {
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = errFileSize
	}
	return content, err
}

// follow adds the files that a target stands for.
func (f *catalogFiles) follow(t target) error {
	file := path.Join(path.Dir(t.from), filepath.ToSlash(t.path))
	switch {
	case t.path == "":
		f.note(t.at, "the target is no text", true)
	case t.url || strings.Contains(t.path, "://"):
		f.note(t.at, quote(t.path)+" is no file: fetch it, and name it", false)
	case path.IsAbs(t.path) || !filepath.IsLocal(file):
		f.note(t.at, quote(t.path)+" lies outside of "+quote(f.folder)+": name it, or a folder that holds both", false)
	case !strings.ContainsAny(t.path, "*?["):
		if info, err := f.root.Stat(file); err != nil || !info.Mode().IsRegular() {
			f.note(t.at, quote(t.path)+" is no file that is there", true)
			return nil
		}
		f.add(file)
	default:
		return f.followPattern(t, file)
	}
	return nil
}

func (f *catalogFiles) followPattern(t target, pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		f.note(t.at, quote(t.path)+" is no pattern of names", true)
		return nil
	}
	if err := f.list(); err != nil {
		return err
	}
	want := strings.Split(pattern, "/")
	for _, file := range f.all {
		if matchPath(want, strings.Split(file, "/")) {
			f.add(file)
		}
	}
	return nil
}

// matchPath matches a path part by part; ** stands for any parts. It goes
// through each part once for each part of the pattern.
func matchPath(pattern, parts []string) bool {
	reached := make([]bool, len(parts)+1) // how many parts may have been matched
	reached[0] = true
	for _, want := range pattern {
		next := make([]bool, len(parts)+1)
		for i, ok := range reached {
			switch {
			case want == "**":
				next[i] = ok || i > 0 && next[i-1]
			case ok && i < len(parts):
				next[i+1], _ = path.Match(want, parts[i])
			}
		}
		reached = next
	}
	return reached[len(parts)]
}

// tell hands over the events of all that was found.
func (f *catalogFiles) tell(ctx context.Context, config CatalogConfig, yield func([]whatchanged.Event) error) (Catalog, error) {
	f.unique()
	state := newCatalogState(f.format.source)
	if err := state.recall(ctx, config.Stored, f.found); err != nil {
		return f.catalog, err
	}
	out := gitBatch{yield: yield}
	for _, d := range f.found {
		if err := out.add(state.take(d, mark{at: config.EffectiveAt})); err != nil {
			return f.catalog, err
		}
	}
	f.catalog.Entities, f.catalog.Circles = len(f.found), whatchanged.Circles(state.edges())
	return f.catalog, out.flush()
}

// unique keeps the first of several declarations of an entity, and orders
// them, so that the order of the files is no change.
func (f *catalogFiles) unique() {
	first, kept := map[string]string{}, f.found[:0]
	for _, d := range f.found {
		if at, twice := first[d.ref]; twice {
			f.note(d.at, d.ref+" is declared at "+at+" already: the first holds", true)
			continue
		}
		first[d.ref] = d.at
		kept = append(kept, d)
	}
	slices.SortFunc(kept, func(a, b declaration) int { return cmp.Compare(a.ref, b.ref) })
	f.found = kept
}

// recall asks what was declared of these entities before.
func (s *catalogState) recall(ctx context.Context, stored Stored, found []declaration) error {
	if stored == nil {
		return nil
	}
	const most = 100 // entities at once
	for batch := range slices.Chunk(found, most) {
		refs := make([]whatchanged.Ref, 0, most)
		for _, d := range batch {
			refs = append(refs, d.entity)
		}
		last, err := declared(ctx, stored, s.source, refs)
		if err != nil {
			return err
		}
		for _, d := range batch {
			if e, ok := last[d.entity]; ok {
				s.remember(d, e)
			}
		}
	}
	return nil
}
