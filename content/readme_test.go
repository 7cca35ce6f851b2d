package content_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tiangeng/tiangeng/content"
)

var (
	readmeFile    = regexp.MustCompile("(?s)文件 `([^`]+)`：\n\n```[a-z]+\n(.*?)```\n")
	readmePhrases = regexp.MustCompile("(?s)例如：\n\n```yaml\n(.*?)```\n")
)

func TestTheExampleOfTheReadmeIsRight(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{"courses/shui-guan/pictures/01.png": {Data: []byte(pngBytes)}}
	for _, m := range readmeFile.FindAllStringSubmatch(read(t, "README.md"), -1) {
		fsys[m[1]] = &fstest.MapFile{Data: []byte(m[2])}
	}
	library, problems := content.Load(fsys)
	if len(problems) > 0 {
		t.Fatal(said(problems))
	}
	c := library.Current("shui-guan")
	if c == nil {
		t.Fatal("the example was not found")
	}
	kinds := make(map[content.ItemKind]bool)
	for _, it := range c.Lessons[0].Items {
		kinds[it.Kind] = true
	}
	if len(kinds) != 5 {
		t.Errorf("the example shows %d kinds of questions, want all 5", len(kinds))
	}
	if !strings.Contains(c.Lessons[0].Body, "\n\n---\n\n") {
		t.Error("the example shows no page break")
	}
	local := library.Current("dali-shui-guan")
	if local == nil || !local.Local() || local.Replaces != c.ID || len(local.Tiers) != 3 || len(local.Keywords) != 3 || len(library.Packs()) != 1 {
		t.Errorf("the example of a pack: %+v", local)
	}
	for _, key := range []string{"范围", "地区", "替代", "适用", "关键词"} {
		if !strings.Contains(read(t, "README.md"), "| "+key+" | ") {
			t.Errorf("the text does not explain %s", key)
		}
	}
}

func TestTheReadmeStatesTheLimits(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")
	for _, want := range []string{
		fmt.Sprintf("最好不超过 %d 个字", content.MaxTitleChars), fmt.Sprintf("最多 %d 个字 |", content.MaxLeadChars),
		fmt.Sprintf("最大 %d KB", content.MaxPictureBytes>>10), fmt.Sprintf("最大 %d KB", content.MaxAudioBytes>>10),
		fmt.Sprintf("最多 %d 道", content.MaxItems), fmt.Sprintf("2 到 %d 个", content.MaxOptions),
		fmt.Sprintf("%d 个字节", content.ReplyBytes), fmt.Sprintf("最好不超过 %d 条消息", content.MaxPages), fmt.Sprintf("最多 %d 个字符", content.MaxIDBytes),
		fmt.Sprintf("最多 %d 个，每个最多 %d 个字", content.MaxKeywords, content.MaxKeywordChars),
	} {
		if !strings.Contains(readme, want) {
			t.Errorf("the text lacks %q", want)
		}
	}
}

func TestTheReadmesPhrasesCanBeUsed(t *testing.T) {
	t.Parallel()
	m := readmePhrases.FindStringSubmatch(read(t, "README.md"))
	if m == nil {
		t.Fatal("no example")
	}
	p, err := content.DefaultPhrases().With([]byte(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	if p.Say("roster.name_missing") == content.DefaultPhrases().Say("roster.name_missing") {
		t.Error("the example changes nothing")
	}
}
