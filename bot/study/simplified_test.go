package study

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/longbridgeapp/opencc"
)

var update = flag.Bool("update", false, "write simplified.txt anew")

// simplified.txt says what OpenCC's dictionary says of every single character.
func TestTheTableOfSimplifiedCharacters(t *testing.T) {
	t.Parallel()
	cc, err := opencc.New("t2s")
	if err != nil {
		t.Fatal(err)
	}
	table := map[rune]rune{}
	for r := rune(0x3400); r <= 0x9fff; r++ {
		s, err := cc.Convert(string(r))
		if err != nil {
			t.Fatal(err)
		}
		if out := []rune(s); len(out) == 1 && out[0] != r {
			table[r] = out[0]
		}
	}
	var pairs []string
	for r, to := range table {
		// Some characters lead to another that is itself mapped (两步): follow to the end, so that
		// simplifying twice changes nothing.
		for range 4 {
			next, more := table[to]
			if !more || next == r {
				break
			}
			to = next
		}
		pairs = append(pairs, string(r)+string(to)+"\n")
	}
	slices.Sort(pairs)
	want := strings.Join(pairs, "")
	if *update {
		if err := os.WriteFile("simplified.txt", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		simplifiedPairs = want
	}
	if diff := cmp.Diff(want, simplifiedPairs); diff != "" {
		t.Errorf("-update writes it anew (-dictionary +file):\n%.2000s", diff)
	}
	for r, to := range simplified() {
		if again := Simplify(string(to)); again != string(to) {
			t.Errorf("%c becomes %c, and that %s", r, to, again)
		}
	}
}
