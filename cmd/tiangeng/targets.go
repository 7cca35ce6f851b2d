package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tiangeng/tiangeng/bot/study"
)

// targetFile is the file of yearly study hours: see configs/targets.yaml.
type targetFile struct {
	Targets []struct {
		Code       string         `yaml:"code"`
		Name       string         `yaml:"name"`
		Of         study.TargetOf `yaml:"of"`
		Hours      string         `yaml:"hours"`
		Categories []string       `yaml:"categories"`
		Law        string         `yaml:"law"`
	} `yaml:"targets"`
}

var targetCode = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// parseTargets reads a file of targets. None at all is right: then nothing is asked of anybody.
func parseTargets(data []byte) (study.Targets, error) {
	var f targetFile
	if err := decodeYAML(data, &f); err != nil {
		return nil, err
	}
	var list study.Targets
	seen := map[string]bool{}
	for i, t := range f.Targets {
		hours, ok := study.ParseHours(t.Hours)
		switch {
		case !targetCode.MatchString(t.Code) || seen[t.Code]:
			return nil, fmt.Errorf("target %d: code %q must be new and of a-z, 0-9 and -", i+1, t.Code)
		case strings.TrimSpace(t.Name) == "" || len([]rune(t.Name)) > 20:
			return nil, fmt.Errorf("target %s: name must be 1 to 20 characters", t.Code)
		case t.Of != study.TargetAll && t.Of != study.TargetOnline:
			return nil, fmt.Errorf("target %s: of must be all or online", t.Code)
		case !ok || hours <= 0 || hours > 100000:
			return nil, fmt.Errorf("target %s: hours must be a number like 90 or 12.5", t.Code)
		case len([]rune(t.Law)) > 100:
			return nil, fmt.Errorf("target %s: law is longer than 100 characters", t.Code)
		}
		for _, c := range t.Categories {
			if strings.TrimSpace(c) == "" {
				return nil, fmt.Errorf("target %s: a category is empty", t.Code)
			}
		}
		seen[t.Code] = true
		list = append(list, study.Target{Code: t.Code, Name: t.Name, Of: t.Of, Hours: hours, Categories: t.Categories, Law: t.Law})
	}
	return list, nil
}
