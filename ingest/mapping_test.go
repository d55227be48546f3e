package ingest

import (
	"strings"
	"testing"

	"whatchanged.dev/whatchanged"
)

func TestAMappingThatCannotBeIsRefusedByLineAndField(t *testing.T) {
	for _, tt := range []struct{ claim, mapping, want string }{
		{"no YAML", "paths: [\n", "map.yaml:1: is not YAML"},
		{"nothing", "# nothing\n", "holds 0 documents"},
		{"a field there is not", "paths:\n- path: a\n  entiy: b\n", "map.yaml:2: paths[0]: additional properties 'entiy' not allowed"},
		{"a rule without a path", "paths:\n- path: a\n- entity: service:a/b\n", "map.yaml:3: paths[1].path: is missing"},
		{"a part without a name", "paths:\n- path: apps/{}/x\n", `map.yaml:2: paths[0].path: "apps/{}/x": want names of letters in braces`},
		{"a part named twice", "exclude:\n- a\n- '{a}/{a}'\n", "map.yaml:3: exclude[1]: "},
		{"an entity of what no path names", "paths:\n- path: apps/{service}/**\n  kind: config\n  entity: service:shop/{servce}\n",
			"map.yaml:4: paths[0].entity: {servce} is not named in the path: want one of {service}, {path}"},
		{"an entity that is none", "paths:\n- path: a\n  entity: checkout\n", `map.yaml:3: paths[0].entity: entity "checkout": want kind:namespace/name`},
		{"a placement of what no path names", "paths:\n- path: a\n  placement:\n    region: '{region}'\n", "map.yaml:4: paths[0].placement.region: {region} is not named in the path"},
		{"a place for no flags", "paths:\n- path: a\n  at: /flags\n", "map.yaml:3: paths[0].at: says where flags are"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			_, err := ReadMapping("map.yaml", []byte(tt.mapping))
			if err == nil || whatchanged.CodeOf(err) != whatchanged.CodeInvalidArgument || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestPathPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern, path string
		want          []string // of the parts; nil is no match
	}{
		{"apps/{service}/*.yaml", "apps/cart/a.yaml", []string{"cart"}},
		{"apps/{service}/*.yaml", "apps/cart/b/a.yaml", nil},
		{"/apps/{service}/**", "apps/cart/b/a.yaml", []string{"cart"}},
		{"**/values-{environment}.yaml", "values-prod.yaml", []string{"prod"}},
		{"**/values-{environment}.yaml", "a/b/values-prod.yaml", []string{"prod"}},
		{"**/values-{environment}.yaml", "a/b/values-.yaml", nil},
		{"{service}-{region}/x", "cart-api-eu/x", []string{"cart", "api-eu"}},
		{"a.yaml", "aXyaml", nil},
		{"a/**/z", "a/z", []string{}},
		{"a/**/z", "a/b/c/z", []string{}},
		{"a/**/z", "a/bz", nil},
	} {
		re, _, err := pathPattern(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		match := re.FindStringSubmatch(tt.path)
		if (match == nil) != (tt.want == nil) || match != nil && strings.Join(match[1:], "|") != strings.Join(tt.want, "|") {
			t.Errorf("%s on %s: got %q, want %q", tt.pattern, tt.path, match, tt.want)
		}
	}
}

func TestPlacesInPaths(t *testing.T) {
	for path, want := range map[string]string{
		"overlays/prod/a.yaml":                       "production",
		"overlays/canary/a.yaml":                     "canary",
		"overlays/kustomization.yaml":                "",
		"apps/x/overlays/prod-eu-west-1/a.yaml":      "production/eu-west-1",
		"apps/x/overlays/eu-west-1/a.yaml":           "eu-west-1",
		"charts/x/values-staging.yaml":               "staging",
		"charts/x/values.prod-us-east-1.yaml":        "production/us-east-1",
		"clusters/Prod-us-east-1/flux/shop.yaml":     "production/us-east-1/prod-us-east-1",
		"environments/dev/regions/local/a.tf":        "development/local",
		"cells/c7/a.yaml":                            "c7",
		"dev-tools/a.yaml":                           "",
		"terraform/europe-west4/production/x.tfvars": "production/europe-west4",
	} {
		if got := placeOfPath(path).String(); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// FuzzMapping checks that no mapping, however odd, makes an entity that would
// be refused, whatever the path.
func FuzzMapping(f *testing.F) {
	f.Add("paths: [{path: 'apps/{service}/**', entity: 'service:shop/{service}'}]", "apps/a b/c.yaml", []byte("a: 1"))
	f.Add("paths: [{path: '**', read: objects, entity: 'x:{namespace}/{name}'}]", "a", []byte("apiVersion: v1\nkind: ' '\nmetadata: {name: '/', namespace: ':/'}"))
	f.Add("paths: [{path: '{a}{b}*', read: flags, at: /a~1b, entity: '{key}:{a}/{b}'}]", "abc", []byte("a/b: {\"\": 1}"))
	f.Add("exclude: ['**']\nenvironments: {a: b}", "a.yaml", []byte("a: 1"))
	f.Fuzz(func(t *testing.T, mapping, file string, content []byte) {
		m, err := ReadMapping("map.yaml", []byte(mapping))
		if err != nil {
			return
		}
		m.reads(file)
		says := m.readFile("shop/config", file, content)
		for _, p := range append(says.parts, says.whole) {
			if e := p.entity; !e.Canonical().Valid() && p.key != "" {
				t.Errorf("%q of %q: entity %q", p.key, file, e)
			}
		}
	})
}
