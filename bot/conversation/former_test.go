package conversation

import (
	"testing"

	"github.com/tiangeng/tiangeng/bot/people"
)

// Whoever names the unit as it was called before is found; whoever is in the unit that is called so today comes first.
func TestTheUnitMayBeNamedAsItWasCalledBefore(t *testing.T) {
	t.Parallel()
	row := func(id people.LearnerID, unit string, former ...string) people.Candidate {
		return people.Candidate{Learner: people.Learner{ID: id, Name: "李芳", UnitName: unit}, Former: former}
	}
	merged := row(1, "昆明市·西山区·海口镇·新村村民委员会", "昆明市·西山区·马街镇·新村村民委员会", "昆明市·西山区·马街镇·老村村民委员会")
	other := row(2, "昆明市·东川区·马街镇·大河村民委员会")
	today := row(3, "昆明市·东川区·马街镇·老村村民委员会")
	for typed, want := range map[string][]people.LearnerID{
		"老村村委会": {1, 3}, "老村村民委员会": {3}, "西山区马街镇老村": {1}, "海口镇新村": {1}, "马街镇新村": {1}, "大河": {2}, "石头村": nil,
	} {
		var got []people.LearnerID
		for _, c := range bestRows([]people.Candidate{merged, other, today}, typed) {
			got = append(got, c.Learner.ID)
		}
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %v", typed, got, want)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: %v, want %v", typed, got, want)
			}
		}
	}
}
