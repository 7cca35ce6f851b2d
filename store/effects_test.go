package store_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/store/storetest"
)

// A new effect without a case in the contract fails here; the case fails where the store has none.
func TestEveryEffectHasACaseInTheContract(t *testing.T) {
	t.Parallel()
	packages, err := parser.ParseDir(token.NewFileSet(), "../bot/conversation", nil, parser.SkipObjectResolution) //nolint:staticcheck // one folder, no build tags
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range packages["conversation"].Files {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Name.Name != "effect" || f.Recv == nil {
				continue
			}
			names = append(names, f.Recv.List[0].Type.(*ast.Ident).Name)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		t.Fatal("no effects were found")
	}
	if diff := cmp.Diff(names, storetest.EffectNames()); diff != "" {
		t.Errorf("effects (-declared +tested):\n%s", diff)
	}
}
