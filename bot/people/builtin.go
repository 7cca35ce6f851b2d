package people

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed" // the units of Yunnan
	"fmt"
	"strings"
)

//go:embed data/yunnan.tsv.gz
var yunnan []byte

// BuiltinUnits are the units of Yunnan: 1 province, 16 prefectures, 129 counties, 1,461 townships and 14,888
// villages. Where they come from, of which day they are and how the file is made again: data/README.md.
func BuiltinUnits() ([]UnitRow, error) {
	z, err := gzip.NewReader(bytes.NewReader(yunnan))
	if err != nil {
		return nil, fmt.Errorf("opening the built-in units: %w", err)
	}
	var rows []UnitRow
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		digits, name, ok := strings.Cut(lines.Text(), "\t")
		code, good := ParseOrgCode(digits)
		if !ok || !good {
			return nil, fmt.Errorf("reading the built-in units: line %d", len(rows)+1)
		}
		rows = append(rows, UnitRow{Row: len(rows) + 1, Code: code, Name: name})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the built-in units: %w", err)
	}
	return rows, nil
}
