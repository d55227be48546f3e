package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestIngestCatalogs brings in a catalog three times, with nobody serving the
// data folder: what is new is stored, what was taken out is noticed, and the
// topology is asked.
func TestIngestCatalogs(t *testing.T) {
	data, folder := t.TempDir(), t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	const component = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: checkout}\nspec: {owner: payments, dependsOn: ["
	steps := []struct {
		name    string
		write   func()
		args    []string
		exit    int
		printed []string
	}{
		{"a catalog is stored", func() {
			write("catalog-info.yaml", component+"component:cart, component:checkout]}")
		}, []string{"backstage"}, 0, []string{"1 entities in 1 files: 4 change events stored, 0 known before", "circle: service:default/checkout → service:default/checkout"}},
		{"again, nothing is new", func() {}, []string{"backstage"}, 0, []string{": 0 change events stored"}},
		{"what was taken out is removed", func() {
			write("catalog-info.yaml", component+"component:cart]}")
		}, []string{"backstage"}, 0, []string{": 2 change events stored"}},
		{"what once was is declared again", func() {
			write("catalog-info.yaml", component+"component:cart, component:checkout]}")
		}, []string{"backstage"}, 0, []string{": 2 change events stored"}},
		{"a fault is refused by its line, and the rest is stored", func() {
			write("topology.yaml", "services: {cart: {owner: shop}}\n---\nservices:\n  web: {needs: [cart]}\n")
		}, []string{"topology", "--effective-at", "-90d"}, 2, []string{"topology.yaml:4: services.web: additional properties 'needs' not allowed", ": 2 change events stored", "refused in 1 places"}},
		{"a folder without catalogs is refused", func() {}, []string{"backstage", "--files", "nothing*.yaml"}, 3, []string{"holds no file named nothing*.yaml"}},
	}
	for _, s := range steps {
		s.write()
		exit, _, stderr := result(t, append(append([]string{"ingest"}, s.args...), "--data", data, folder)...)
		if exit != s.exit {
			t.Errorf("%s: exit status %d, want %d", s.name, exit, s.exit)
		}
		for _, want := range s.printed {
			if !strings.Contains(stderr, want) {
				t.Errorf("%s: want %q in:\n%s", s.name, want, stderr)
			}
		}
	}
	exit, stdout, stderr := result(t, "ask", "timeline", "service:default/cart", "--hops", "1", "--since", "-1h", "--json", "--data", data)
	if exit != 0 || !strings.Contains(stdout, "service:default/checkout is owned by group:default/payments") {
		t.Errorf("exit status %d: %s%s", exit, stdout, stderr)
	}
}
