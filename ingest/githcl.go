package ingest

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// hclFile reads Terraform and other HCL. A block becomes an object under its
// type and labels, resource.aws_instance.web; blocks of the same type and
// labels become a list. An expression that is no literal stays as it is
// written.
func hclFile(content []byte) ([]any, error) {
	if err := hclNesting(content); err != nil {
		return nil, err
	}
	f, faults := hclsyntax.ParseConfig(content, "", hcl.InitialPos)
	if faults.HasErrors() {
		return nil, faults
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		return nil, errors.New("no HCL in its own syntax")
	}
	return []any{hclBody(body, content)}, nil
}

// hclNesting refuses expressions within expressions beyond what people write.
// The parser calls itself for each of these tokens, and has no bound.
func hclNesting(content []byte) error {
	const most, mostQuestions = 100, 2000
	tokens, _ := hclsyntax.LexConfig(content, "", hcl.InitialPos) // the parser tells the faults
	open, operators, questions := 0, 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			open++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
			open--
		case hclsyntax.TokenQuestion:
			questions++
		}
		if t.Type == hclsyntax.TokenBang || t.Type == hclsyntax.TokenMinus {
			operators++
		} else {
			operators = 0
		}
		if open > most || operators > most || questions > mostQuestions {
			return errNested
		}
	}
	return nil
}

func hclBody(body *hclsyntax.Body, content []byte) map[string]any {
	all := map[string]any{}
	for name, a := range body.Attributes {
		all[name] = hclValue(a.Expr, content)
	}
	for _, b := range body.Blocks {
		in := all
		path := append([]string{b.Type}, b.Labels...)
		for _, name := range path[:len(path)-1] {
			next, ok := in[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				in[name] = next
			}
			in = next
		}
		name, block := path[len(path)-1], any(hclBody(b.Body, content))
		switch was := in[name].(type) {
		case nil:
			in[name] = block
		case []any:
			in[name] = append(was, block)
		default:
			in[name] = []any{was, block}
		}
	}
	return all
}

// hclValue returns the value of a literal, and the text of anything else.
func hclValue(e hclsyntax.Expression, content []byte) any {
	switch e := e.(type) {
	case *hclsyntax.TupleConsExpr:
		all := make([]any, 0, len(e.Exprs))
		for _, one := range e.Exprs {
			all = append(all, hclValue(one, content))
		}
		return all
	case *hclsyntax.ObjectConsExpr:
		all := make(map[string]any, len(e.Items))
		for _, item := range e.Items {
			all[hclKey(item.KeyExpr, content)] = hclValue(item.ValueExpr, content)
		}
		return all
	case *hclsyntax.LiteralValueExpr, *hclsyntax.UnaryOpExpr, *hclsyntax.TemplateExpr:
		if v, ok := hclLiteral(e, content); ok {
			return v
		}
	}
	text := string(e.Range().SliceBytes(content))
	if _, ok := e.(*hclsyntax.TemplateExpr); ok && len(text) > 1 && strings.HasPrefix(text, `"`) {
		return text[1 : len(text)-1]
	}
	return text
}

func hclKey(e hclsyntax.Expression, content []byte) string {
	if v, faults := e.Value(nil); !faults.HasErrors() && v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
		return v.AsString()
	}
	return string(e.Range().SliceBytes(content))
}

// hclLiteral returns the value of a literal. A number stays as it is written,
// if JSON writes it so.
func hclLiteral(e hclsyntax.Expression, content []byte) (any, bool) {
	v, faults := e.Value(nil)
	if faults.HasErrors() || !v.IsWhollyKnown() {
		return nil, false
	}
	if text := e.Range().SliceBytes(content); v.Type() == cty.Number && json.Valid(text) {
		return json.Number(text), true
	}
	b, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return nil, false
	}
	if v.Type() == cty.Number {
		return json.Number(b), true
	}
	var out any
	err = json.Unmarshal(b, &out)
	return out, err == nil
}
