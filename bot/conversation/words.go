package conversation

import (
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"

	"github.com/tiangeng/tiangeng/bot/study"
)

// act is what a message asks for. It is also the turn's Topic.
type act string

const (
	actSilent    act = "silent"
	actUnfollow  act = "unfollow"
	actFollow    act = "follow"
	actScan      act = "scan"
	actMedia     act = "media"
	actUnheard   act = "voice_unheard"
	actUnknown   act = "unknown"
	actStray     act = "stray_answer"
	actAnswer    act = "answer"
	actToday     act = "today"
	actMore      act = "more"
	actRedo      act = "redo"
	actReread    act = "reread"
	actRecord    act = "record"
	actHours     act = "hours"
	actHelp      act = "help"
	actPause     act = "pause"
	actResume    act = "resume"
	actStop      act = "stop"
	actSwitch    act = "switch"
	actChoose    act = "choose"
	actWho       act = "who"
	actBind      act = "bind"
	actBindName  act = "bind_name"
	actBindUnit  act = "bind_unit"
	actBindCode  act = "bind_code"
	actBindOdd   act = "bind_odd"
	actUnbind    act = "unbind"
	actForget    act = "forget"
	actNotice    act = "notice"
	actQuit      act = "quit"
	actYes       act = "confirm_yes"
	actNo        act = "confirm_no"
	actGreet     act = "greet"
	actThanks    act = "thanks"
	actNod       act = "nod"
	actUnconfirm act = "unconfirmed"

	actMine        act = "mine"
	actCorrect     act = "correct"
	actCorrectText act = "correct_text"
	actDelegate    act = "delegate"
	actHandOver    act = "hand_over"
	actRequests    act = "requests"
	actGrant       act = "grant"
	actRefuse      act = "refuse"

	actHour        act = "hour"
	actHourDefault act = "hour_default"
	actAck         act = "ack"
	actAckSoft     act = "ack_soft" // 知道了: a 回执 when one is wanted, else a nod
	actNotices     act = "notices"
	actSubscribe   act = "subscribe"
	actTell        act = "tell" // 通知: a trainer writes one, everybody else reads theirs
	actAnnounce    act = "announce"
	actUrgent      act = "announce_urgent"
	actDraftTo     act = "draft_to"
	actDraftText   act = "draft_text"
	actDraftOdd    act = "draft_odd"
	actDraftQuit   act = "draft_quit"
	actSend        act = "send"
	actNow         act = "send_now"
	actAt          act = "send_at"
	actWantAck     act = "want_ack"
	actNoAck       act = "no_ack"
	actRewrite     act = "rewrite"
	actForecast    act = "forecast"
	actResult      act = "result"
	actRelease     act = "release"
	actHalt        act = "halt"
	actNames       act = "names"        // whom it did not reach
	actSilentNames act = "silent_names" // who has not acknowledged it
	actRemind      act = "remind"       // 催回执
)

// spoken lists the words for each act, folded as study.Fold does. A word stands once.
var spoken = map[act]string{
	actToday:    "学习 今日学习 今天学习 今天学什么 今天的课 今日课程 今日一课 今天的学习 上课 开始 开始学习 打卡 学习打卡 每日打卡 每日一学 我要学习 我要上课 我想学习 去学习 学 课程 今日任务 今天任务 今天 今日 开课 听课 看课 答题 我要答题 做题 测验 start study today",
	actMore:     "继续 下一页 下一个 下页 下一课 下一题 继续学习 接着学 接着 往下 后面 翻页 next more 继续看 继续做 继续答题 题目 看题 再看一遍题",
	actRedo:     "重做 再做 重新做 重答 再答 重考 再考一次 重来 再来一次 再做一遍 重做错题 错题 补考 重新答题",
	actReread:   "重读 重看 再看 再看一遍 再读一遍 重新看 看课文 课文 回看 上一页 从头看 重学",
	actRecord:   "我的学习 我的记录 学习记录 记录 我的 成绩 我的成绩 查询 进度 我的进度 学习进度 学了多少 查成绩 我的学习记录",
	actHours:    "学时 我的学时 查学时 学时查询 查询学时 学时情况 还差多少学时 差多少学时 学时够吗",
	actHelp:     "帮助 使用帮助 使用说明 怎么用 怎么学 怎么学习 怎么办 功能 菜单 说明 help ? 怎么操作 不会用 人工 客服 人工客服",
	actPause:    "暂停 暂停推送 暂停学习 先停 停一下 暂停一下 请暂停",
	actResume:   "恢复 恢复推送 继续推送 恢复学习 重新推送 取消暂停 重新开始推送 取消退订",
	actStop:     "退订 取消订阅 不要推送 停止推送 别发了 不要再发 不要再发了 不想收 td unsubscribe 取消推送 关闭推送 我要退订 停止 不要发了",
	actSwitch:   "切换 换人 换人学习 换一个人 切换用户 切换账号 换号 换账号 换个人",
	actWho:      "我是谁 现在是谁 当前用户 谁在学 现在谁在学 whoami 现在是谁在学",
	actBind:     "绑定 我要绑定 重新绑定 绑定姓名 加人 加一个人 登记 注册 实名 绑定账号 添加学员 我要登记 我要注册 登录",
	actUnbind:   "解绑 解除绑定 取消绑定 我要解绑 退出绑定 退出登录 注销",
	actForget:   "删除我的资料 删除资料 删除我的信息 删除个人信息 注销账号 清除资料 清除我的资料 删除我的数据 删除信息",
	actMine:     "我的信息 我的资料 个人资料 我的个人信息 查看我的信息 看我的信息 查我的信息 我的档案",
	actCorrect:  "更正 更正信息 更正我的信息 我要更正 信息有误 信息不对 信息错了 资料有误 资料不对 资料错了 名字错了 姓名错了 单位错了 名字不对 姓名不对 单位不对",
	actDelegate: "代学 我要代学 申请代学 帮人学 帮别人学 代别人学 替别人学 帮人学习 代人学习",
	actHandOver: "转交 转交手机 手机转交 移交手机 换机主 手机给别人了 手机给别人用了 手机换人用了",

	actNotice: "隐私 隐私说明 隐私政策 个人信息 个人信息说明 我的权利 隐私声明",
	actQuit:   "退出 结束 取消 不学了 算了 先不学 不做了 停 下次再学 改天再学 返回 退出学习 quit exit",
	actGreet:  "你好 您好 在吗 在 喂 hi hello 早上好 早 下午好 晚上好 大家好 老师好 有人吗 哈喽",
	actThanks: "谢谢 谢谢你 谢谢您 谢谢老师 感谢 多谢 谢了 辛苦了 好的谢谢 谢谢啦",
	actNod:    "好的 好 ok 嗯 嗯嗯 行 可以 明白 明白了 哦 好嘞 再见 拜拜 要得 好呢 好的呢 行呢 可以呢 得行 好滴 好哦 好啊 好吧 好的好的 没问题 没得问题 安逸",

	actAck:     "收到 已收到 收到了 我收到了 收到谢谢 好的收到 收到收到 收悉 知悉 已知悉 已阅 已读 已看 看完了收到 回执 回复收到 收到通知 通知收到 通知已收到 收到通知了",
	actAckSoft: "知道了 我知道了 知道 晓得了 晓得 晓得咯 知道啦 晓得呢 知道咯 知道呢",

	actNotices: "我的通知 看通知 查看通知 查通知 最新通知 最近通知 最近的通知 有什么通知 通知公告 看公告",
	actTell:    "通知",

	actSubscribe: "订阅 订阅通知 我要订阅 开启提醒 收通知 接收通知 允许通知 同意接收 开启通知",
	actAnnounce:  "发通知 发布通知 我要发通知 写通知 新通知 发个通知 发公告 群发 群发通知",
	actUrgent:    "紧急通知 发紧急通知 紧急",

	actLeave:     "请假 我要请假 想请假 要请假 怎么请假",
	actLeaveBack: "撤回请假 取消请假 不请假了 销假 我要销假",
	actSignIn:    "签到 我要签到 扫码签到 课堂签到 现场签到 上课签到 怎么签到 签到码",
	actSignOut:   "签退 我要签退 课堂签退 签退下课",
	actPlaceYes:  "同意位置 同意核对位置 我同意位置 同意发位置 同意告诉位置",
	actPlaceBack: "不同意位置 撤回位置同意 取消位置同意 撤回位置 不同意核对位置 不同意发位置 不告诉位置",
	actRectify:   "整改 我的整改 整改任务 整改名单 整改情况 整改台账 查整改 逾期名单 谁逾期",
	actSurvey:    "问卷 调查 填问卷 问卷调查 做问卷 答问卷 调查问卷 填调查 满意度调查",

	actCourses:          "培训菜单 选课 点单 点课 选课程 课程菜单 课程目录 课程列表 有什么课 有哪些课 我要选课 我要点课 我想选课 我要点单 选修课 必修课 看菜单 选学 全部课程 所有课程 搜 搜索 搜课 找课 查课",
	actOrders:           "我的点单 我的选课 我点的课 我选的课 点了什么课 点单记录 点单情况 看点单 退单 退课 我要退单",
	actCertificate:      "证明 学时证明 开证明 开学时证明 我要开证明 我要学时证明 我的证明 学习证明 开学习证明 开具证明 开具学时证明 打印证明 学时证书 我的证书 证书 培训证明 年度证明 电子证明 学习证书",
	actClassCertificate: "结业证明 结业证书 结业证 班级证明 开结业证明 我要结业证明 结业 我的结业证明 我的结业证 培训班证明",

	actHourDefault: "默认时间 恢复默认时间 恢复时间 取消定时推送 时间恢复 用默认时间 班里的时间",
}

// spokenByTrainers lists the words about an announcement that is being written or was sent. While a
// question of a quiz is open, they count only for somebody who is writing one.
var spokenByTrainers = map[act]string{
	actSend:        "发送 确认发送 确定发送 发出 发出去 发送通知 马上发送 立即发送 立刻发送 现在发送 发布",
	actNow:         "现在发 马上发 立即发 立刻发 不定时 不定时了 取消定时",
	actWantAck:     "要回执 需要回执 带回执 要回复 让大家回复收到 要他们回复收到 加回执",
	actNoAck:       "不要回执 不用回执 不需要回执 取消回执 去掉回执",
	actRewrite:     "重写 重新写 改内容 修改 修改内容 改一下 改通知 修改通知",
	actForecast:    "预计 人数 预计人数 多少人 能送到多少人 能发到多少人 统计 统计人数 预测 统计好了吗",
	actResult:      "结果 通知结果 发送结果 看结果 查结果 发送情况 送达情况 发得怎么样 发得怎么样了 发完了吗",
	actNames:       "没收到的人 没收到名单 没收到的名单 谁没收到 哪些人没收到 未送达名单 没送到的人 谁没送到 没送到名单 看名单",
	actSilentNames: "没回的人 没回名单 没回的名单 谁没回 谁没有回 谁没回复 没回复的人 没回收到的人 谁没回收到 未回执名单 没回执的人 谁没回执 没有回执的人 回执名单",
	actRemind:      "催回执 催一下 催一催 催回复 催收到 催没回的人 提醒没回的人 再催一下 再催一次 催办",
	actRequests:    "申请 看申请 查申请 待办申请 代学申请 办申请 审批 待审批 有什么申请",
	actRelease:     "放行 待放行 放行通知 同意放行 审核通知",
	actNeedHelp:    "谁需要帮助 谁要帮助 需要帮助的 帮扶名单 谁落后 落后名单 谁没学 谁没绑定 没绑定的 谁掉队 掉队名单 谁要帮",
	actLeaves:      "请假名单 谁请假 批假 审批请假 看请假 请假审批 待批请假",
	actTick:        "点名 我要点名 点名页 课堂点名 开始点名 点名链接",
	actTickEnd:     "停用点名 作废点名 关闭点名 停用点名页 点名作废",
	actHalt:        "停止发送 取消发送 停发 撤回 撤回通知 取消通知 停止通知 别发通知了 不发通知了",
}

var (
	actOf    = everydayActs()
	trainers = spokenActs(spokenByTrainers)
	yesReply = words("是 是的 确定 确认 好 好的 对 同意 可以 要 yes y ok 嗯 行 1 是呢 对呢 好呢 要得 要呢 得行 可以呢 行呢 确定呢 是嘞 好嘞 可以的 没问题 确定退订 确认退订 确定解绑 确定删除 确认删除 退订 解绑 删除")
	noReply  = words("否 不 不是 不要 取消 算了 no n 不用 不了 不退订 不退 不解绑 不删除 不确定 2 先不 不消 不消了 莫 莫要 不要了 不要呢 不得行 不行 不可以 不同意 不是呢")
)

func everydayActs() map[string]act {
	m := spokenActs(spoken)
	m["?"] = actHelp
	return m
}

func spokenActs(lists map[act]string) map[string]act {
	m := map[string]act{}
	for a, list := range lists {
		for w := range strings.FieldsSeq(list) {
			if f := study.Fold(w); f != "" {
				m[f] = a
			}
		}
	}
	return m
}

// numbered are the words that a number may follow: 放行 1, 结果 2, 通知 3.
var numbered = []struct {
	word string
	act  act
}{
	{"退单", actDropOrder}, {"退课", actDropOrder}, {"先学", actOrderFirst},
	{"不准假", actLeaveDeny}, {"准假", actLeaveGrant}, {"放行", actRelease}, {"没收到的人", actNames}, {"没回的人", actSilentNames}, {"通知结果", actResult}, {"结果", actResult}, {"我的通知", actNotices}, {"看通知", actNotices}, {"通知", actNotices},
}

// cutNumber reads a word with a number from 1 to 99 behind it.
func cutNumber(folded string) (a act, n int, ok bool) {
	for _, w := range numbered {
		rest, found := strings.CutPrefix(folded, w.word)
		if !found || rest == "" {
			continue
		}
		rest = strings.TrimRight(strings.TrimPrefix(rest, "第"), "条门个")
		if n, ok := clockNumber(rest); ok && n > 0 {
			return w.act, n, true
		}
	}
	return "", 0, false
}

// digitActs are what lone numbers mean while nothing is open; the help text names them.
var digitActs = map[string]act{"1": actToday, "2": actRecord, "3": actHelp}

// suggestible are the words that a mistyped one is compared with, the first of each act.
var suggestible = []struct {
	word string
	act  act
}{
	{"今日学习", actToday}, {"学习", actToday}, {"开始", actToday}, {"打卡", actToday}, {"上课", actToday}, {"继续", actMore}, {"重做", actRedo},
	{"重读", actReread}, {"我的学习", actRecord}, {"学习记录", actRecord}, {"学时", actHours}, {"学时证明", actCertificate}, {"帮助", actHelp}, {"暂停", actPause}, {"恢复", actResume},
	{"退订", actStop}, {"换人", actSwitch}, {"切换", actSwitch}, {"我是谁", actWho}, {"绑定", actBind}, {"解绑", actUnbind}, {"删除我的资料", actForget}, {"通知", actTell}, {"我的通知", actNotices},
	{"我的信息", actMine}, {"更正信息", actCorrect}, {"选课", actCourses}, {"培训菜单", actCourses}, {"我的点单", actOrders}, {"代学", actDelegate}, {"转交手机", actHandOver},
}

// suggest finds the word that was probably meant: one that sounds the same, else one that is a
// single slip away, else one that stands inside what was typed. "" for none. It is only ever suggested.
func suggest(folded string) string {
	n := utf8.RuneCountInString(folded)
	if n < 2 || n > 12 {
		return ""
	}
	heard := study.Sound(folded)
	typed := strings.ReplaceAll(heard, " ", "")
	if heard == "" {
		typed = blurLatin(folded)
	}
	for _, s := range suggestible {
		if p := strings.ReplaceAll(study.Sound(s.word), " ", ""); typed == p {
			return s.word
		}
	}
	best, least := "", 2
	for _, s := range suggestible {
		m := utf8.RuneCountInString(s.word)
		if m < 3 && n != m { // 退订 and 退 are too far apart to guess
			continue
		}
		if d := levenshtein.ComputeDistance(folded, s.word); d < least {
			best, least = s.word, d
		}
	}
	for _, s := range suggestible {
		if best == "" && strings.Contains(folded, s.word) {
			best = s.word
		}
	}
	return best
}

// blurLatin makes typed pinyin (“jin ri xue xi” without tones) comparable with sound.
func blurLatin(folded string) string {
	for _, s := range suggestible {
		plain := ""
		for _, r := range s.word {
			plain += study.Syllable(r)
		}
		if plain == folded {
			return strings.ReplaceAll(study.Sound(s.word), " ", "")
		}
	}
	return folded
}
