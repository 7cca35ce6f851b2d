package people

import (
	"regexp"
	"strings"
	"time"
)

// RosterRow is one good row of a roster file (花名册).
type RosterRow struct {
	Row      int       // 1-based row of the file, for messages
	Unit     OrgCode   // where the person belongs: any level
	Units    []OrgUnit // the unit and those above it as the row names them, province or prefecture first
	Name     string    // NFKC, without blanks inside Chinese names
	Category string    // 干部类别, "" allowed
	Phone    string    // mobile number, 11 digits, "" for none or not known
	Code     string    // short binding code (绑定码): 4 to 12 letters and digits, upper-cased
}

// RosterResult is what applying a roster did. New + Changed + Moved + Returned + Unchanged = rows.
type RosterResult struct {
	New       int `json:"new"`
	Changed   int `json:"changed"`
	Moved     int `json:"moved"`
	Returned  int `json:"returned"` // had left, and are back
	Left      int `json:"left"`
	Unchanged int `json:"unchanged"`
	Units     int `json:"units"`    // units created or renamed
	Enrolled  int `json:"enrolled"` // places given in the class
}

// RosterImport is a roster to be written.
type RosterImport struct {
	File     string // name, for the record
	Rows     []RosterRow
	Rejected int     // rows of the file that are left out, for the record
	Full     OrgCode // the unit whose full roster this is: who is missing has left; "" for an addition
	Cohort   string  // class in which everybody gets a place, "" for none
	// LeftPercent is how many of a hundred people of a full roster's unit may leave by it; with more nothing is done.
	LeftPercent int
	DryRun      bool // only say what would be done
	Show        int  // how many of the people who change are listed; 0 is none
}

// ImportReport is what an import did, or would do.
type ImportReport struct {
	RosterResult
	Version int64            `json:"version"` // of the roster from now on; 0 when nothing changed or by a dry run
	Changes []ImportedPerson `json:"changes"` // the first of them: left, moved, returned, changed, new
}

// ImportedPerson is one person whom an import changes, as people are shown it: no code, no number.
type ImportedPerson struct {
	Kind   ChangeKind `json:"kind"`
	Row    int        `json:"row,omitempty"` // of the file
	Name   string     `json:"name"`
	Unit   OrgCode    `json:"unit"`
	Place  string     `json:"unitName"`
	From   OrgCode    `json:"from,omitempty"` // unit before, of one who moved
	Before string     `json:"fromName,omitempty"`
	What   []string   `json:"what,omitempty"` // headings of what changes
}

// ImportedVersion is an import in the record.
type ImportedVersion struct {
	Version  int64        `json:"version"`
	At       time.Time    `json:"at"`
	Actor    string       `json:"actor"`
	File     string       `json:"file"`
	Full     OrgCode      `json:"full,omitempty"`
	Cohort   string       `json:"cohort,omitempty"`
	Rejected int          `json:"rejected"`
	Result   RosterResult `json:"result"`
	UndoneAt time.Time    `json:"undoneAt,omitzero"`
	UndoneBy string       `json:"undoneBy,omitempty"`
}

// longNumber is what in a file's name may be somebody's number.
var longNumber = regexp.MustCompile(`[0-9]{11,}[Xx]?`)

// SafeFileName is a file's name as it may be kept and shown: without folders and control characters, and without
// numbers so long that they may be somebody's.
func SafeFileName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	return longNumber.ReplaceAllString(name, "*")
}
