package web

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tiangeng/tiangeng/bot"
	"github.com/tiangeng/tiangeng/bot/people"
	"github.com/tiangeng/tiangeng/bot/report"
	"github.com/tiangeng/tiangeng/bot/study"
	"github.com/tiangeng/tiangeng/store"
)

// described is the part of openapi.json that the tests read.
type described struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct {
		Schemas map[string]struct {
			Description string
			Properties  map[string]struct {
				Description string
				Ref         string `json:"$ref"`
			}
			Required []string
		}
	}
}

func description(t *testing.T) described {
	t.Helper()
	var d described
	if err := json.Unmarshal(openAPI(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The description has every route, and no other.
func TestEveryRouteIsDescribed(t *testing.T) {
	t.Parallel()
	d := description(t)
	var got, want []string
	for path, methods := range d.Paths {
		for method := range methods {
			got = append(got, strings.ToUpper(method)+" "+path)
		}
	}
	for _, r := range routes() {
		want = append(want, r.method+" "+r.path)
		if r.role != roleKey && r.role != roleAnybody {
			t.Errorf("%s has no role", r.path)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// types are the Go types behind the schemas; each group of acts has its own list.
func types() map[string]reflect.Type {
	all := map[string]reflect.Type{"Error": reflect.TypeFor[errorAnswer](), "ErrorBody": reflect.TypeFor[errorBody](), "Nothing": reflect.TypeFor[struct{}]()}
	for _, group := range []map[string]reflect.Type{campaignTypes(), tagTypes(), bindingTypes(), followTypes(), courseTypes(), classTypes(), rosterTypes(), recordTypes(), unitTypes(), certificateTypes()} {
		maps.Copy(all, group)
	}
	return all
}

func recordTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		"ClassList": reflect.TypeFor[classList](), "Class": reflect.TypeFor[classAnswer](), "HoursList": reflect.TypeFor[hoursList](), "HoursPerson": reflect.TypeFor[hoursPerson](),
		"HoursGap": reflect.TypeFor[hoursGap](), "HoursUnitList": reflect.TypeFor[hoursUnitList](), "HoursUnit": reflect.TypeFor[hoursUnit](), "TargetList": reflect.TypeFor[targetList](),
		"Target": reflect.TypeFor[targetAnswer](), "RecordRequest": reflect.TypeFor[recordRequest](), "RecordItem": reflect.TypeFor[recordItem](), "RecordAnswer": reflect.TypeFor[recordAnswer](),
		"RecordProblem": reflect.TypeFor[recordProblem](), "BatchList": reflect.TypeFor[batchList](), "Batch": reflect.TypeFor[batchAnswer](), "UndoRequest": reflect.TypeFor[undoRequest](), "UndoAnswer": reflect.TypeFor[undoAnswer](),
	}
}

func unitTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		"UnitList": reflect.TypeFor[unitList](), "UnitLine": reflect.TypeFor[people.UnitLine](), "Unit": reflect.TypeFor[people.Unit](), "UnitLife": reflect.TypeFor[people.UnitLife](),
		"UnitChange": reflect.TypeFor[people.UnitChange](), "UnitRequest": reflect.TypeFor[unitRequest](), "UnitChanged": reflect.TypeFor[unitChanged](),
		"RecodedLearner": reflect.TypeFor[people.RecodedLearner](), "UnitPointers": reflect.TypeFor[people.UnitPointers](),
		"UnitCountList": reflect.TypeFor[unitCountList](), "UnitCount": reflect.TypeFor[people.UnitCount](), "Whereabouts": reflect.TypeFor[people.Whereabouts](),
	}
}

func classTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		"SessionList": reflect.TypeFor[sessionList](), "ClassSession": reflect.TypeFor[sessionAnswer](), "Roll": reflect.TypeFor[rollAnswer](), "RollPerson": reflect.TypeFor[rollPerson](),
		"Attended": reflect.TypeFor[attendedAnswer](), "AttendRequest": reflect.TypeFor[attendRequest](), "AttendEvent": reflect.TypeFor[attendEvent](), "AttendAnswer": reflect.TypeFor[attendAnswer](),
		"CountRequest": reflect.TypeFor[countRequest](), "MakeUpRequest": reflect.TypeFor[makeUpRequest](), "LeaveRequest": reflect.TypeFor[leaveRequest](), "LeaveMade": reflect.TypeFor[leaveMade](),
		"Leave": reflect.TypeFor[leaveAnswer](), "LeaveList": reflect.TypeFor[leaveList](), "ReasonRequest": reflect.TypeFor[reasonRequest](),
	}
}

func rosterTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		"RosterImport": reflect.TypeFor[importAnswer](), "RosterResult": reflect.TypeFor[people.RosterResult](), "RosterChange": reflect.TypeFor[people.ImportedPerson](),
		"RosterImportList": reflect.TypeFor[importList](), "RosterVersion": reflect.TypeFor[people.ImportedVersion](), "RosterExportRequest": reflect.TypeFor[exportRequest](),
		"PhoneRequest": reflect.TypeFor[phoneRequest](), "PhoneFound": reflect.TypeFor[phoneFound](), "FoundPerson": reflect.TypeFor[foundPerson](),
		"EnrolRequest": reflect.TypeFor[enrolRequest](), "Enrolled": reflect.TypeFor[enrolAnswer](), "EnrolRuleList": reflect.TypeFor[enrolRuleList](), "EnrolRule": reflect.TypeFor[store.EnrolRule](),
	}
}

func certificateTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		"CertificateRequest": reflect.TypeFor[certificateRequest](), "Certificate": reflect.TypeFor[certificateAnswer](), "CertificateRefusal": reflect.TypeFor[certificateRefusal](),
		"CertificatesIssued": reflect.TypeFor[certificatesIssued](), "CertificateList": reflect.TypeFor[certificateList](),
	}
}

func courseTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		"CourseList": reflect.TypeFor[courseList](), "Course": reflect.TypeFor[CourseInfo](), "CourseDemandList": reflect.TypeFor[demandList](), "CourseDemand": reflect.TypeFor[study.CourseDemand](),
		"MenuLimitList": reflect.TypeFor[limitList](), "MenuLimit": reflect.TypeFor[study.MenuLimit](), "MenuLimitRequest": reflect.TypeFor[limitRequest](), "MenuLimitAnswer": reflect.TypeFor[limitAnswer](),
		"OrderRequest": reflect.TypeFor[orderRequest](), "PersonalOrders": reflect.TypeFor[personalOrders](), "PersonalOrder": reflect.TypeFor[PersonalOrder](),
		"OrderList": reflect.TypeFor[orderList](), "Order": reflect.TypeFor[OrderLine](),
	}
}

func followTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		"HelpList": reflect.TypeFor[helpList](), "HelpPerson": reflect.TypeFor[helpPerson](), "HelpStuck": reflect.TypeFor[study.Stuck](),
		"FindingRequest": reflect.TypeFor[findingRequest](), "Finding": reflect.TypeFor[study.Finding](), "FindingList": reflect.TypeFor[findingList](),
		"AssignRequest": reflect.TypeFor[assignRequest](), "AssignAnswer": reflect.TypeFor[assignAnswer](), "DecideRequest": reflect.TypeFor[decideRequest](),
		"Rectification": reflect.TypeFor[rectificationAnswer](), "RectificationList": reflect.TypeFor[rectificationList](),
		"SurveyRequest": reflect.TypeFor[surveyRequest](), "SurveyMade": reflect.TypeFor[surveyMade](), "Survey": reflect.TypeFor[study.Survey](), "SurveyList": reflect.TypeFor[surveyList](),
		"SurveyQuestion": reflect.TypeFor[study.Question](), "SurveyResult": reflect.TypeFor[study.SurveyResult](), "SurveyAnswers": reflect.TypeFor[study.QuestionResult](),
		"NamedAnswerList": reflect.TypeFor[namedAnswerList](), "NamedAnswers": reflect.TypeFor[namedAnswers](), "SurveyReply": reflect.TypeFor[study.Reply](),
		"SurveyPart": reflect.TypeFor[study.PartResult](),
	}
}

func tagTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		"Media": reflect.TypeFor[mediaAnswer](), "TagList": reflect.TypeFor[tagList](), "TagCount": reflect.TypeFor[people.TagCount](), "TaggedList": reflect.TypeFor[taggedList](),
		"TaggedPerson": reflect.TypeFor[taggedPerson](), "TagRequest": reflect.TypeFor[tagRequest](), "TagAnswer": reflect.TypeFor[tagAnswer](),
	}
}

func campaignTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		"CampaignRequest": reflect.TypeFor[campaignRequest](), "AudienceRequest": reflect.TypeFor[audienceRequest](), "SegmentRequest": reflect.TypeFor[segmentRequest](),
		"TestRequest": reflect.TypeFor[testRequest](), "TestAnswer": reflect.TypeFor[testAnswer](),
		"CampaignList": reflect.TypeFor[campaignList](), "Campaign": reflect.TypeFor[bot.Campaign](), "Body": reflect.TypeFor[bot.Body](), "Audience": reflect.TypeFor[bot.Audience](),
		"Progress": reflect.TypeFor[bot.Progress](), "Scope": reflect.TypeFor[people.Scope](), "Forecast": reflect.TypeFor[bot.Forecast](),
		"Summary": reflect.TypeFor[summaryAnswer](), "MassResult": reflect.TypeFor[bot.MassResult](),
	}
}

// fieldsOf are the JSON names of a type; what is embedded counts as its own.
func fieldsOf(t *testing.T, of reflect.Type) []string {
	t.Helper()
	names := []string{}
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			names = append(names, fieldsOf(t, f.Type)...)
		case name == "":
			t.Errorf("%s.%s has no name in JSON", of, f.Name)
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Every field of requests and answers is described, and nothing is described that is not there.
func TestEveryFieldIsDescribed(t *testing.T) {
	t.Parallel()
	d, known := description(t), types()
	if diff := cmp.Diff(fieldsOf(t, reflect.TypeFor[bot.Progress]()), fieldsOf(t, reflect.TypeFor[progressRequest]())); diff != "" {
		t.Errorf("one schema serves both:\n%s", diff)
	}
	for name, of := range known {
		schema, ok := d.Components.Schemas[name]
		if !ok {
			t.Errorf("%s is not described", name)
			continue
		}
		if diff := cmp.Diff(fieldsOf(t, of), slices.Sorted(maps.Keys(schema.Properties)), cmpEmpty); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	for name, keys := range writtenLists(t) {
		if diff := cmp.Diff(keys, slices.Sorted(maps.Keys(d.Components.Schemas[name].Properties))); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		known[name] = nil
	}
	used := regexp.MustCompile(`"#/components/schemas/(\w+)"`).FindAllStringSubmatch(string(openAPI()), -1)
	for name, schema := range d.Components.Schemas {
		if _, ok := known[name]; !ok {
			t.Errorf("%s describes nothing", name)
		}
		if !slices.ContainsFunc(used, func(m []string) bool { return m[1] == name }) {
			t.Errorf("%s is not used", name)
		}
		for p, property := range schema.Properties {
			if property.Description == "" && property.Ref == "" {
				t.Errorf("%s.%s has no description", name, p)
			}
		}
		for _, r := range schema.Required {
			if _, ok := schema.Properties[r]; !ok {
				t.Errorf("%s requires %s, which it does not have", name, r)
			}
		}
	}
	for _, m := range used {
		if _, ok := d.Components.Schemas[m[1]]; !ok {
			t.Errorf("%s is referred to and not there", m[1])
		}
	}
}

var cmpEmpty = cmp.Transformer("empty", func(in []string) []string { return append([]string{}, in...) })

// writtenLists are the keys of the list of unreached people as it is written.
func writtenLists(t *testing.T) map[string][]string {
	t.Helper()
	var b bytes.Buffer
	one := func(yield func(report.UnreachedLine, error) bool) {
		yield(report.UnreachedLine{Learner: 1, Pulled: time.Unix(1, 0)}, nil)
	}
	if _, err := report.WriteUnreached(&b, report.JSON, report.UnreachedHead{}, one); err != nil {
		t.Fatal(err)
	}
	var list map[string]json.RawMessage
	var head map[string]any
	var lines []map[string]any
	for _, err := range []error{json.Unmarshal(b.Bytes(), &list), json.Unmarshal(list["head"], &head), json.Unmarshal(list["lines"], &lines)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return map[string][]string{
		"UnreachedList": slices.Sorted(maps.Keys(list)), "UnreachedHead": slices.Sorted(maps.Keys(head)), "UnreachedLine": slices.Sorted(maps.Keys(lines[0])),
	}
}

func bindingTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		"Funnel": reflect.TypeFor[people.Funnel](), "FunnelCount": reflect.TypeFor[people.FunnelCount](), "BoundCount": reflect.TypeFor[people.BoundCount](),
		"BindRequestList": reflect.TypeFor[requestList](), "BindRequest": reflect.TypeFor[people.Request](), "CloseRequest": reflect.TypeFor[closeRequest](),
		"DelegateRequest": reflect.TypeFor[delegateRequest](), "TransferRequest": reflect.TypeFor[transferRequest](), "ReleaseRequest": reflect.TypeFor[releaseRequest](), "Released": reflect.TypeFor[releasedAnswer](),
	}
}
