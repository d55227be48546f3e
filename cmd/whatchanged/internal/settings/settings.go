// Package settings fills the flags of a command from, in order of precedence,
// the command line, the environment and one YAML file. A flag has one name in
// all three: --log-sync is WHATCHANGED_LOG_SYNC and the key log-sync.
package settings

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"whatchanged.dev/whatchanged"
)

// Variable returns the environment variable of a flag.
func Variable(flag string) string {
	return "WHATCHANGED_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Argument annotates a flag that is part of a question and no setting: what is
// asked stands on the command line alone.
const Argument = "argument"

// Fill sets the flags that the command line left alone. file is the YAML file,
// "" for none. A key that is no flag of any command is refused: a typo would
// otherwise be a setting that never was; known lists those of other commands.
func Fill(flags *pflag.FlagSet, file string, known []string) error {
	values, err := read(file)
	if err != nil {
		return err
	}
	for key := range values {
		if flags.Lookup(key) == nil && !slices.Contains(known, key) {
			return whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s: %q is not a setting; settings are the flags that --help lists, without the dashes", file, key).In("config")
		}
	}
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Annotations[Argument] != nil {
			return
		}
		set, from := values[f.Name], file+": "+f.Name
		if v, ok := os.LookupEnv(Variable(f.Name)); ok {
			set, from = []string{v}, Variable(f.Name)
		}
		for _, v := range set {
			if err := flags.Set(f.Name, v); err != nil {
				errs = append(errs, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s: %v", from, Hushed(err)).In(f.Name))
			}
		}
	})
	return errors.Join(errs...)
}

// Hushed returns a refusal of a flag's value, without the value where it may be
// a secret: pairs are names with secrets or tokens, and a log keeps refusals.
func Hushed(err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "stringToString" {
		return fmt.Errorf("--%s: want NAME=VALUE; what was given is not shown, for it may be secret", invalid.GetFlag().Name)
	}
	return err
}

// read returns the file's keys, each with the values to set one after the
// other: a list sets a flag several times, and a map sets it to key=value.
func read(file string) (map[string][]string, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%v", err).In("config")
	}
	var doc map[string]yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s: %v", file, err).In("config")
	}
	out := map[string][]string{}
	for key, node := range doc {
		if out[key], err = scalars(&node); err != nil {
			return nil, whatchanged.Errorf(whatchanged.CodeInvalidArgument, "%s: %s: %v", file, key, err).In("config")
		}
	}
	return out, nil
}

func scalars(n *yaml.Node) ([]string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return []string{n.Value}, nil
	case yaml.SequenceNode:
		var list []string
		err := n.Decode(&list)
		return list, err
	case yaml.MappingNode:
		m := map[string]string{}
		if err := n.Decode(&m); err != nil {
			return nil, err
		}
		var list []string
		for k, v := range m {
			list = append(list, pair(k, v))
		}
		slices.Sort(list)
		return list, nil
	}
	return nil, fmt.Errorf("want a value, a list or a map")
}

// pair writes key=value as a flag of several pairs reads it: where there is a
// second "=", as in base64, that flag takes the text for comma-separated.
func pair(key, value string) string {
	s := key + "=" + value
	if strings.Contains(value, "=") && strings.ContainsAny(value, ",\"") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}
