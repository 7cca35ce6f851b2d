package sheet

import "cmp"

// Limits bounds what is read from a file. A field of 0 takes its value from DefaultLimits.
type Limits struct {
	FileBytes int64 // size of an XLSX file, packed, in bytes
	TextBytes int64 // size of a CSV file, or of all parts of an XLSX file that are read, unpacked, in bytes
	Rows      int   // rows that are not blank, header included
	Columns   int   // columns up to the last one that is not blank
	CellRunes int   // characters in one cell
}

// DefaultLimits returns what a file from outside may have (reliability §4, row 31).
func DefaultLimits() Limits {
	return Limits{
		FileBytes: 20 << 20,
		TextBytes: 200 << 20,
		Rows:      500_000,
		Columns:   100,
		CellRunes: 1_000,
	}
}

// orDefault fills the fields that are 0.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	return Limits{
		FileBytes: cmp.Or(l.FileBytes, d.FileBytes),
		TextBytes: cmp.Or(l.TextBytes, d.TextBytes),
		Rows:      cmp.Or(l.Rows, d.Rows),
		Columns:   cmp.Or(l.Columns, d.Columns),
		CellRunes: cmp.Or(l.CellRunes, d.CellRunes),
	}
}

// Limits of the inside of an XLSX file. They are far above what office programs write and keep a
// hostile file from using memory.
const (
	maxZipEntries    = 1_000     // parts in the archive
	maxXMLDepth      = 32        // nested elements
	maxXMLToken      = 1 << 20   // bytes of one tag, comment or run of text
	maxSharedStrings = 2_000_000 // entries of the table of texts
	maxSharedBytes   = 64 << 20  // bytes of all of them that are kept
	maxStyles        = 65_536    // cell formats
	maxMerges        = 20_000    // merged areas
	maxSheetRow      = 1 << 20   // last row a sheet can have (1,048,576)
	maxSheetColumn   = 1 << 14   // last column a sheet can have (16,384)
)
