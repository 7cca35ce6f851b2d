package study

import "github.com/tiangeng/tiangeng/content"

// Progress is where somebody stands in a class, counted by the courses' current versions: a
// lesson that a newer version dropped no longer counts, one that it added is open.
type Progress struct {
	Total    int    // lessons of all courses of the class
	Released int    // of these, released; at most Total
	Done     int    // of these, completed
	Behind   int    // released and not completed
	Next     *Place // first lesson that is not completed; nil when there is none
	Open     bool   // Next is released
	Finished bool   // every lesson is completed
}

// Place is a lesson's place in a class.
type Place struct {
	Course   *content.Course
	Lesson   *content.Lesson
	InCourse int // 1-based, among the course's lessons
	InClass  int // 1-based, among all lessons of the class
}

// Ref names the lesson in this version of its course.
func (p Place) Ref() LessonRef { return LessonRef{Course: p.Course.Ref(), Lesson: p.Lesson.ID} }

type lessonKey struct{ course, lesson string }

// ProgressOf folds what was done into a place. courses are the class's, in teaching order;
// released is Released's count.
func ProgressOf(courses []*content.Course, done []Done, released int) Progress {
	complete := make(map[lessonKey]bool, len(done))
	for _, d := range done {
		complete[lessonKey{d.Course, d.Lesson}] = true
	}
	var p Progress
	for _, c := range courses {
		for i := range c.Lessons {
			l := &c.Lessons[i]
			p.Total++
			open := p.Total <= released
			if open {
				p.Released++
			}
			if complete[lessonKey{c.ID, l.ID}] {
				p.Done++
				continue
			}
			if open {
				p.Behind++
			}
			if p.Next == nil {
				p.Next = &Place{Course: c, Lesson: l, InCourse: i + 1, InClass: p.Total}
				p.Open = open
			}
		}
	}
	p.Finished = p.Total > 0 && p.Done == p.Total
	return p
}

// CourseResult says whether every lesson of a course is completed, and their mean score.
func CourseResult(c *content.Course, done []Done) (mean int, complete bool) {
	scores := make(map[string]int, len(done))
	for _, d := range done {
		if _, seen := scores[d.Lesson]; d.Course == c.ID && !seen {
			scores[d.Lesson] = d.Score
		}
	}
	list := make([]int, 0, len(c.Lessons))
	for i := range c.Lessons {
		s, ok := scores[c.Lessons[i].ID]
		if !ok {
			return 0, false
		}
		list = append(list, s)
	}
	return Mean(list), len(list) > 0
}

// IsDone reports whether that lesson is among what was done.
func IsDone(done []Done, course, lesson string) bool {
	for _, d := range done {
		if d.Course == course && d.Lesson == lesson {
			return true
		}
	}
	return false
}
