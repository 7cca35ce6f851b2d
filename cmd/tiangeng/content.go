package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/tiangeng/tiangeng/content"
)

type contentCmd struct {
	Check  contentCheckCmd  `cmd:"" help:"Check course files; every problem with file, line and what to do."`
	List   contentListCmd   `cmd:"" help:"List the courses."`
	Import contentImportCmd `cmd:"" help:"Publish the courses of a folder into the database. A version in use cannot be changed."`
	Export contentExportCmd `cmd:"" help:"Write courses as files, to change or to hand on."`
}

type contentCheckCmd struct {
	Dir  string `arg:"" optional:"" type:"existingdir" help:"Folder with courses/; the built-in courses without it."`
	JSON bool   `help:"Print JSON."`
}

func courseFiles(dir string) fs.FS {
	if dir == "" {
		return content.Builtin()
	}
	return os.DirFS(dir)
}

func (c *contentCheckCmd) run(_ context.Context, p *program) error {
	library, problems := content.Load(courseFiles(c.Dir))
	wrong := 0
	for _, x := range problems {
		if !x.Warning {
			wrong++
		}
	}
	if c.JSON {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(problems); err != nil {
			return err
		}
	} else {
		for _, x := range problems {
			fmt.Fprintln(p.stdout, x.String())
		}
		fmt.Fprintf(p.stdout, "%d courses, %d problems, %d warnings\n", len(library.Courses()), wrong, len(problems)-wrong)
	}
	if wrong > 0 {
		return fmt.Errorf("%d problems", wrong)
	}
	return nil
}

// say writes problems as messages and counts those that are no warnings.
func say(p *program, problems []content.Problem) (wrong int) {
	for _, x := range problems {
		fmt.Fprintln(p.stderr, x.String())
		if !x.Warning {
			wrong++
		}
	}
	return wrong
}

type contentListCmd struct {
	Dir  string `arg:"" optional:"" type:"existingdir" help:"Folder with courses/; the built-in courses without it."`
	JSON bool   `help:"Print JSON."`
}

func (c *contentListCmd) run(_ context.Context, p *program) error {
	library, problems := content.Load(courseFiles(c.Dir))
	say(p, problems) // a course with problems is not in the list: say why
	if c.JSON {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		return e.Encode(library.Courses())
	}
	w := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tVERSION\tHASH\tLESSONS\tITEMS\tTITLE")
	for _, x := range library.Courses() {
		items := 0
		for i := range x.Lessons {
			items += len(x.Lessons[i].Items)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%d\t%s\n", x.ID, x.Number, x.Ref().Version, len(x.Lessons), items, x.Title)
	}
	return w.Flush()
}

type contentImportCmd struct {
	configFlag
	Dir string `arg:"" optional:"" type:"existingdir" help:"Folder with courses/; the built-in courses without it."`
}

func (c *contentImportCmd) run(ctx context.Context, p *program) error {
	library, problems := content.Load(courseFiles(c.Dir))
	if say(p, problems) > 0 {
		return errors.New("nothing was imported: mend the files first")
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	s, err := openCurrent(ctx, cfg, logger(cfg, p.stderr))
	if err != nil {
		return err
	}
	defer closing(s)
	clock, err := openClock(ctx, cfg)
	if err != nil {
		return err
	}
	if err := s.PublishCourses(ctx, clock.Now(), library.Courses()); err != nil {
		return err
	}
	for _, x := range library.Courses() {
		fmt.Fprintf(p.stdout, "%s\t%d\t%s\t%s\n", x.ID, x.Number, x.Ref().Version, x.Title)
	}
	return nil
}

type contentExportCmd struct {
	From    string   `type:"existingdir" help:"Folder with courses/ to read from; the built-in courses without it."`
	Dir     string   `arg:"" help:"Folder to write into; courses/<id> must not exist there yet."`
	Courses []string `arg:"" optional:"" help:"Course ids; all without any."`
}

func (c *contentExportCmd) run(_ context.Context, p *program) error {
	files := courseFiles(c.From)
	library, problems := content.Load(files)
	say(p, problems)
	ids := c.Courses
	if len(ids) == 0 {
		for _, x := range library.Courses() {
			ids = append(ids, x.ID)
		}
	}
	for _, id := range ids {
		course := library.Current(id)
		if course == nil {
			return fmt.Errorf("there is no course %q", id)
		}
		dir := filepath.Join(c.Dir, "courses", id)
		if _, err := os.Stat(dir); err == nil {
			return fmt.Errorf("%s is there already: nothing is overwritten", dir)
		}
		formatted, err := content.Format(course)
		if err != nil {
			return err
		}
		for name, data := range formatted {
			if err := writeFile(filepath.Join(dir, name), data); err != nil {
				return err
			}
		}
		if err := copyMedia(files, library.Dir(id), course, dir); err != nil {
			return err
		}
		fmt.Fprintln(p.stdout, dir)
	}
	return nil
}

func copyMedia(files fs.FS, from string, c *content.Course, dir string) error {
	for i := range c.Lessons {
		for _, name := range []string{c.Lessons[i].Picture, c.Lessons[i].Audio} {
			if name == "" {
				continue
			}
			data, err := fs.ReadFile(files, from+"/"+name)
			if err != nil {
				return fmt.Errorf("copying %s: %w", name, err)
			}
			if err := writeFile(filepath.Join(dir, filepath.FromSlash(name)), data); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // course files are for everybody
		return err
	}
	return os.WriteFile(name, data, 0o644) //nolint:gosec // the same
}
