// Package sheet is the only door for tables in files: it reads and writes CSV and XLSX.
//
// Reading is for files made by people: any encoding that offices here use, mixed line ends, merged
// cells, formulas, numbers that lost their digits. What a person can mend comes back as a
// *fault.Error with row and column. Every limit is a field of Limits, with its unit; whatever a
// file says about itself, no more than that is read.
//
// Writing is a stream: one row in, its bytes out, memory flat however long the table, nothing on
// disk. The same cells give the same bytes. No cell of ours is ever a formula.
//
// The package must not know what a column means.
//
// # Why excelize is not behind this door
//
// It was measured and is kept as the independent judge in the tests (it reads what we write, and
// we read what it writes). For reading, its Rows ends without an error when the sheet's XML is cut
// off: 47 of 100 rows, and nobody would know. It does not say which cells are formulas or merged
// without loading the sheet. For writing, its StreamWriter sends no byte before the last row and
// keeps the sheet in a temporary file above 16 MB; a list of two million lines must begin within a
// second and must not depend on free disk.
package sheet
