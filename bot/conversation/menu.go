package conversation

// Keys of the account's menu buttons: the EventKey of a channel.KindTap. They are part of what is
// published at the platform, so they never change their meaning.
const (
	KeyToday  = "TODAY"  // 今日学习
	KeyRecord = "RECORD" // 我的学习
	KeyHelp   = "HELP"   // 使用帮助
	KeySwitch = "SWITCH" // 换人学习
	KeyPause  = "PAUSE"  // 暂停推送
	KeyResume = "RESUME" // 恢复推送
	KeyBind   = "BIND"   // 绑定
	KeyNotice = "NOTICE" // 隐私说明

	KeyNotices  = "NOTICES"  // 我的通知
	KeyAnnounce = "ANNOUNCE" // 发通知
	KeyUrgent   = "URGENT"   // 紧急通知
	KeyResult   = "RESULT"   // 通知结果
	KeyRelease  = "RELEASE"  // 放行
	KeyHour     = "HOUR"     // 改推送时间
	KeySurvey   = "SURVEY"   // 填问卷
	KeySignIn   = "SIGNIN"   // 课堂签到; of a scancode_waitmsg button the code itself comes
	KeyNeedHelp = "NEEDHELP" // 谁需要帮助
	KeyCourses  = "COURSES"  // 培训菜单
	KeyOrders   = "ORDERS"   // 我的点单
)

var keyActs = map[string]act{
	KeyToday: actToday, KeyRecord: actRecord, KeyHelp: actHelp, KeySwitch: actSwitch,
	KeyPause: actPause, KeyResume: actResume, KeyBind: actBind, KeyNotice: actNotice,
	KeyNotices: actNotices, KeyAnnounce: actAnnounce, KeyUrgent: actUrgent, KeyResult: actResult, KeyRelease: actRelease, KeyHour: actHour,
	KeySurvey: actSurvey, KeyNeedHelp: actNeedHelp, KeySignIn: actSignIn,
	KeyCourses: actCourses, KeyOrders: actOrders,
}
