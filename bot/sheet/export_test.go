package sheet

// SetSheetRows lets a test see a table that goes on in another sheet without a million rows.
func (x *XLSX) SetSheetRows(n int) { x.max = n }

// Protect and Unprotect are tested from outside as the pair they are.
var (
	Protect   = protect
	Unprotect = unprotect
)
