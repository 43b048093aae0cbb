/** The passwords of at least 10 characters that lead the lists of leaked ones, in lower case. */
const list = `
  1234567890 12345678910 123456789a 123456789q a123456789 q123456789 0123456789 0987654321 9876543210 1234567891 1234554321
  1122334455 1020304050 1231231231 123123123123 1234512345 12341234123 123456123456 123456654321 1234567899 12345678900
  12345678901 123456789012 1472583690 1234567890a 1234567890q 123456789abc 12345qwert 123qweasdzxc 123qwe123qwe 1q2w3e4r5t
  1q2w3e4r5t6y 1qaz2wsx3edc 1qazxsw23edc 1qaz2wsx3edc4rfv q1w2e3r4t5 q1w2e3r4t5y6 zaq12wsxcde3 password12 password123
  password1234 password12345 password123456 password01 password11 password99 passw0rd123 p@ssw0rd123 p@ssword123 password!23
  password1! password123! mypassword mypassword1 newpassword passwordpassword letmein123 letmein1234 letmeinnow welcome123
  welcome1234 welcome2024 welcome2025 changeme123 changemenow trustno1trustno1 administrator admin12345 admin123456 adminadmin
  administrator1 rootroot12 superadmin superman123 batman12345 pokemon123 pokemon1234 starwars123 qwerty1234 qwerty12345
  qwerty123456 qwertyuiop qwertyuiop1 qwertyuiop123 qwertyqwerty qwerty123! qwert12345 asdfghjkl1 asdfghjkl123 asdfasdfasdf
  asdfgh12345 asdf1234asdf zxcvbnm123 zxcvbnm1234 zxcvbnmasdf abcdefghij abcdefghijk abcd123456 abcde12345 abc123abc123
  abc1234567 abcabcabc1 a1b2c3d4e5 a1b2c3d4e5f6 aa12345678 aa123456789 iloveyou12 iloveyou123 iloveyou1234 iloveyou22
  ihateyou123 iloveyouforever football123 baseball123 basketball basketball1 liverpool1 liverpool123 manchester1 chelsea123
  barcelona1 realmadrid1 princess12 princess123 sunshine12 sunshine123 monkey12345 dragon12345 michael123 charlie123
  jennifer12 jordan1234 alexander1 christopher elizabeth1 butterfly1 butterfly123 strawberry chocolate1 chocolate123
  computer123 internet123 samsung123 nintendo123 minecraft1 minecraft123 playstation whatever123 correcthorse
  correcthorsebatterystaple secret1234 secretpassword testtest12 testtest123 test123456 test1234567 testpassword testing123
  unknown123 forever123 blink182182 myspace123 facebook123 google12345 linkedin123
`;

export const commonPasswords: ReadonlySet<string> = new Set(list.trim().split(/\s+/));
