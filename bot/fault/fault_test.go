package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tiangeng/tiangeng/bot/fault"
)

func TestErrorNamesPlaceKeyAndArguments(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk")
	for _, c := range []struct {
		err  *fault.Error
		want string
	}{
		{fault.New(fault.Invalid, "roster.name_missing"), "roster.name_missing"},
		{fault.New(fault.Invalid, "sheet.too_big", fault.A("limit", 20), fault.A("unit", "MB")), "sheet.too_big limit=20 unit=MB"},
		{fault.New(fault.Invalid, "roster.name_missing").At("花名册.csv", 3, "姓名"), "花名册.csv:3:姓名: roster.name_missing"},
		{fault.New(fault.Invalid, "roster.no_header").At("花名册.csv", 0, ""), "花名册.csv: roster.no_header"},
		{fault.New(fault.Invalid, "roster.code_bad").At("", 7, "2"), "7:2: roster.code_bad"},
		{fault.Wrap(cause, fault.Unavailable, "error.database"), "error.database: disk"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("Error() = %q, want %q", got, c.want)
		}
	}
}

func TestAtIsACopy(t *testing.T) {
	t.Parallel()
	first := fault.New(fault.Invalid, "roster.twice", fault.A("otherRow", 2))
	second := first.At("a.csv", 5, "姓名")
	if first.File != "" || first.Row != 0 || first.Column != "" {
		t.Errorf("At changed its receiver: %v", first)
	}
	if second.Code != first.Code || second.Key != first.Key || len(second.Args) != 1 {
		t.Errorf("At lost something: %v", second)
	}
}

func TestCodeOfLooksThroughWrapping(t *testing.T) {
	t.Parallel()
	inner := fault.New(fault.Conflict, "content.changed")
	for _, c := range []struct {
		err  error
		want fault.Code
	}{
		{nil, fault.Internal},
		{errors.New("disk"), fault.Internal},
		{inner, fault.Conflict},
		{fmt.Errorf("registering courses: %w", inner), fault.Conflict},
		{errors.Join(errors.New("disk"), inner), fault.Conflict},
		{fault.Wrap(inner, fault.Invalid, "content.broken"), fault.Invalid}, // the outermost decides
	} {
		if got := fault.CodeOf(c.err); got != c.want {
			t.Errorf("CodeOf(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

func TestCauseIsReachable(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk")
	if err := fault.Wrap(cause, fault.Unavailable, "error.database").At("a", 1, "b"); !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if err := fault.New(fault.Invalid, "x"); err.Unwrap() != nil {
		t.Error("a cause out of nothing")
	}
}
