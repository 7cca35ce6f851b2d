package people

// UnitChangeKind is what happened to a unit.
type UnitChangeKind string

// The kinds.
const (
	UnitNew     UnitChangeKind = "new"
	UnitRenamed UnitChangeKind = "renamed"
	UnitMerged  UnitChangeKind = "merged" // into another unit; the old code is no more
	UnitMoved   UnitChangeKind = "moved"  // to another code, for example below another county
	UnitEnded   UnitChangeKind = "ended"
)
