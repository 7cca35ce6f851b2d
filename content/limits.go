package content

// The limits of a course. Each is enforced by the check and stated in README.md.
const (
	MaxFileBytes     = 256 << 10 // one text file
	MaxPictureBytes  = 300 << 10 // a picture must open on a slow mobile network
	MaxAudioBytes    = 4 << 20   // about four minutes of speech
	MaxIDBytes       = 40        // course and lesson ids; columns of the database
	MaxTitleChars    = 30        // a longer title is cut on a card (warning)
	MaxLeadChars     = 60        // one sentence
	MaxSeconds       = 4 * 3600  // one lesson
	MaxItems         = 50        // questions of one lesson
	MaxOptions       = 8         // A to H
	MaxLessons       = 200       // lessons of one course
	MaxAcceptChars   = 50        // one wording of a fill-in answer
	MaxCategoryChars = 20        // name of a cadre category
	MaxKeywordChars  = 20        // one keyword
	MaxKeywords      = 20        // keywords of one course
	MaxUnitChars     = 10        // unit of a numeric answer

	// ReplyBytes is what one text reply of the platform holds.
	ReplyBytes = 2048
	// FrameBytes is kept free in a reply for what the chat puts around the content: heading,
	// verdict, how to answer.
	FrameBytes = 400
	// MaxPages is how many replies a lesson may fill before the author is warned.
	MaxPages = 4
)
