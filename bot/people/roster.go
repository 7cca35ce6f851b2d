package people

// RosterRow is one good row of a roster file (花名册).
type RosterRow struct {
	Row      int       // 1-based row of the file, for messages
	Unit     OrgCode   // where the person belongs: any level
	Units    []OrgUnit // the unit and those above it as the row names them, province or prefecture first
	Name     string    // NFKC, without blanks inside Chinese names
	Category string    // 干部类别, "" allowed
	Code     string    // short binding code (绑定码): 4 to 12 letters and digits, upper-cased
}

// RosterResult is what applying a roster did. New + Changed + Unchanged = rows.
type RosterResult struct {
	New       int `json:"new"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Units     int `json:"units"`    // units created or renamed
	Enrolled  int `json:"enrolled"` // places given in the class
}
