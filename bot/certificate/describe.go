package certificate

import (
	"fmt"
	"strings"

	"github.com/tiangeng/tiangeng/bot/study"
)

// Describe writes what is drawn, and where, a line each, in millimetres and points: for people who compare layouts.
func (d *Drawer) Describe(c study.Certificate) (string, error) {
	f, err := d.fonts()
	if err != nil {
		return "", err
	}
	pages, err := d.pages(f, []study.Certificate{c})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, t := range pages[0].texts {
		fmt.Fprintf(&b, "text %.1f %.1f %.1fpt%s %s\n", t.x, t.y, t.size, map[bool]string{true: " gray"}[t.gray], t.say)
	}
	for _, l := range pages[0].lines {
		fmt.Fprintf(&b, "line %.1f %.1f %.1f %.1f %.2f\n", l.x1, l.y1, l.x2, l.y2, l.width)
	}
	if q := pages[0].code; q != nil {
		fmt.Fprintf(&b, "code %.1f %.1f %d modules of %.2f\n", q.x, q.y, q.modules.Size, q.module)
	}
	return b.String(), nil
}
