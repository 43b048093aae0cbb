/** The words of the made-up memories, common ones first. Phrases are separated by commas. */

const list = (text: string): readonly string[] => text.split(',').map((word) => word.trim().replace(/\s+/g, ' '));

export const habits = list(`
  prefers, likes, uses, always uses, avoids, wants, enjoys, dislikes, is used to, asked for, keeps to, relies on, is fond of,
  switched to, is trying out, would rather have, can not stand, is curious about, swears by, recommends, gave up, insists on,
  got into, is tired of, swapped everything for, saves up for, is allergic to, collects, grew up with, teaches others about`);

export const objects = list(`
  dark mode, short answers, TypeScript, green tea, metric units, the command line, oat milk, vegetarian food, examples with code,
  tabs over spaces, Postgres, window seats, British spelling, morning meetings, plain language, bullet points, the window open,
  electronic invoices, paper books, sparkling water, mechanical keyboards, functional style, dry humour, long walks, jazz records,
  night trains, strong coffee, Rust, static types, mountain huts, sourdough bread, quiet offices, vim bindings, cold showers,
  public transport, second-hand furniture, spicy noodles, open source tools, weekly summaries, direct feedback, crossword puzzles,
  light themes, Kubernetes, pair programming, board games, audio books, the old keyboard layout, film cameras, rye whiskey,
  sleeping late, checklists, gluten-free pasta, camping, climbing shoes, podcasts about history, handwritten notes, electric cars,
  black-and-white photographs, sea kayaks, watercolours, detailed itineraries, noise-cancelling headphones, fermented vegetables,
  formal greetings, chess problems, ferry crossings, houseplants, linen shirts, synthesizers, haiku, thermal baths, lentil soup`);

export const tasks = list(`
  finish, review, call about, renew, book, send, prepare, cancel, translate, pay for, fix, plan, order, read, sign, compare,
  update, pick up, write up, migrate, return, test, publish, clean up, rehearse, follow up on, document, print, negotiate,
  archive, measure, repaint, refactor, proofread, upload, insure, photograph, decline, water, sketch`);

export const things = list(`
  the report, the tax return, the passport, the flight, the quarterly budget, the landing page, the slides, the invoice, the lease,
  the birthday present, the grant application, the database migration, the dentist appointment, the interview questions, the thesis
  chapter, the release notes, the garden fence, the onboarding guide, the train tickets, the insurance claim, the bike, the recipe,
  the school forms, the contract with the agency, the login page, the search index, the wedding speech, the podcast episode,
  the bathroom tiles, the survey results, the reading list, the vaccination record, the hotel in the old town, the piano lesson,
  the press statement, the warranty, the photo album, the heating bill, the test coverage, the marathon registration, the eulogy,
  the moving van, the newsletter, the patent draft, the telescope, the customs form, the accessibility audit, the aquarium pump,
  the choir programme, the scholarship essay, the backup drive, the kitchen cabinet, the kennel, the tram pass, the attic window`);

export const people = list(`
  Anna, the manager, her sister, the team, Jonas, his mother, the landlord, a client, Priya, the accountant, their son, the neighbour,
  Dr. Weber, Miguel, the recruiter, Sofia, the supervisor, Tom, an old friend, Mei, the designer, grandfather, the coach, Fatima,
  the new intern, Lukas, the plumber, aunt Rosa, Ivan, the editor, Chloe, the vet, professor Lindqvist, Kwame, the twins, Hiroshi,
  the bookseller, Nadia, the conductor, Oskar, Leila, the caretaker, Tadeusz, Yara, the beekeeper, Ngozi, cousin Emil, Shirin`);

export const times = list(`
  next week, by Friday, tomorrow, in the morning, before the end of the month, on Mondays, in March, this weekend, after lunch,
  since last summer, every day, twice a week, by the 15th, in two weeks, before Christmas, at noon, next year, in autumn, on Tuesday,
  when the term ends, during the holidays, at 9:30, late at night, before the trip, in early June, every other Thursday, since 2019,
  after the move, by the deadline, on the 3rd of May, over the winter, at sunrise, once the baby is born, by quarter past six`);

export const places = list(`
  in Berlin, at work, at home, in the office, in London, at school, on the laptop, in the garden, in Lisbon, at the gym, in Kyoto,
  on the phone, near the river, in the basement, at the university, in Vienna, on the balcony, in the mountains, at the clinic,
  in Montreal, by the lake, in a shared flat, at the studio, in Buenos Aires, on the island, downtown, at the allotment, in Nairobi,
  in the library, on the night shift, in Ljubljana, behind the station, at the harbour, in the suburbs, in Tbilisi, on the farm`);

export const facts = list(`
  works as a nurse, has two children, lives, studies law, runs a small bakery, learns Spanish, plays the cello, has a dog named Bruno,
  was born, is training for a marathon, teaches mathematics, is a backend engineer, got married, moved, owns a sailing boat,
  is vegetarian, started a new job, broke an arm, speaks four languages, volunteers, sings in a choir, is writing a novel,
  has a peanut allergy, keeps bees, drives a delivery van, founded a company, is recovering from surgery, adopted a cat,
  rents out a room, wakes up at five, competes in archery, studies marine biology, restores old radios, lost a suitcase,
  works night shifts, coaches a youth team, paints portraits, is colour-blind, inherited a vineyard, repairs bicycles`);

export const reasons = list(`
  to save time, because of the budget, for the new project, after a bad experience, to stay healthy, for the kids, because it is
  simpler, to learn something new, on the advice of a friend, for medical reasons, since the team agreed, to avoid surprises,
  out of habit, because the old one broke, to be closer to family, for better sleep, to keep the costs down, as a surprise,
  because deadlines are tight, for the exhibition, to get outdoors more, because nobody else would, as part of the therapy,
  to practise, for tax purposes, in memory of a teacher, because the doctor said so, to impress nobody in particular`);

export const projects = list(`
  a website for the bakery, the mobile app, a home server, the house renovation, a research paper, an online course, a board game,
  the data pipeline, a podcast, the annual conference, a vegetable garden, the checkout flow, a family cookbook, a weather station,
  the search service, a short film, an internal wiki, the fundraising campaign, a language course, a chess engine, the photo archive,
  a synth module, an oral history of the village, the carbon report, a tiny house, a crossword app, the museum audio guide`);

export const states = list(`
  is on hold, ships, is nearly done, needs a new plan, started, moves slowly, is behind schedule, was approved, is waiting for a review,
  has a budget of 4,000 euros, is written in Go, lost its sponsor, goes live, has 12 contributors, has no tests yet, was renamed,
  runs on one machine, is being rewritten, won a small prize, depends on the harvest, costs 80 a month, is due`);

export const assistantHabits = list(`
  answer in German, keep answers under 200 words, never suggest paid tools, ask before changing files, show the reasoning first,
  use ISO dates, cite sources, skip the introduction, call the user Sam, offer two alternatives, prefer tables, explain the jargon,
  leave out disclaimers, check the arithmetic, use British English, mention the trade-offs, write tests first, avoid emojis,
  summarise at the end, quote the original, state the units, say when unsure, remember the time zone, keep the file layout`);

export const tags = list(`
  work, personal, coding, food, travel, health, family, writing, ui, finance, learning, music, home, urgent, sport, reading, style,
  project-x, language, school, shopping, ideas, garden, research, meeting, games, pets, politics, photography, cooking, devops,
  security, hiring, design, film, history, taxes, running, cycling, parenting, astronomy, chess, insurance, volunteering`);

/** Where assistants live: the platform and the address that a conversation's id follows. */
export const platforms: readonly { readonly platform: string; readonly address: string }[] = [
  { platform: 'chatgpt', address: 'https://chatgpt.com/c/' },
  { platform: 'claude', address: 'https://claude.ai/chat/' },
  { platform: 'gemini', address: 'https://gemini.google.com/app/' },
  { platform: 'copilot', address: 'https://copilot.microsoft.com/chats/' },
  { platform: 'perplexity', address: 'https://www.perplexity.ai/search/' },
];

const wordsOf = (text: string): readonly string[] => text.trim().split(/\s+/);

export const adjectives = wordsOf(`
  new old small big local cheap long quiet early simple fresh warm German private weekly digital second heavy clean daily green short
  final light strong public modern French slow safe shared bright rough annual strict remote soft spare broken formal dark healthy
  famous wooden Italian handmade narrow urgent plain rare loud empty foreign steep blue classic legal modest seasonal clever odd
  portable Swedish temporary wild frozen cosy brief sturdy medical vague elegant rural bitter square urban polite tidy anonymous
  fragile Korean generous hollow ancient mild technical tropical damp crooked nervous silver hybrid stubborn curious patient smoky
  inflatable recycled bilingual crisp minimal experimental waterproof Portuguese stale ornate lukewarm unpaid scenic magnetic`);

export const nouns = wordsOf(`
  house book meeting car school music team project garden coffee phone kitchen trip family email water dinner office film class budget
  bike window doctor letter market paper bank server train camera course photo table shop language summer report hotel design friend
  road breakfast museum code bridge concert dog ticket lamp soup room guitar lecture festival blog recipe beach forest magazine shirt
  deadline tent cheese brother database printer rent theatre bakery headache schedule jacket novel river salary piano tunnel picnic
  keyboard sofa vaccine gallery podcast voucher compass orchard firewall notebook ladder grammar harvest mattress dashboard teapot
  choir exam pension quilt algorithm violin pottery kettle allergy mortgage balcony spreadsheet knee workshop visa lighthouse canoe
  mushroom theorem antenna cardigan referendum tortoise archive glacier sewing lens puzzle microscope zucchini backlog harbour sauna
  turbine mosaic translator ceramics wardrobe telescope chapel saddle refund tapestry beetroot protocol marathon acoustics lantern
  thermostat hammock syllabus vineyard cartoon ambulance stapler hedgehog parliament trumpet cinnamon scaffold manuscript juniper
  cellar gasket origami ledger plankton carousel abacus poncho trellis dynamo accordion glossary sundial walrus embassy yoghurt`);

export const syllables = wordsOf(`
  ka lo mar ti ven sol bri an del or fa no ri el tas mi ber ul da so hel ne gra vi cor pen is lu tor ma sha wen dro yo quin ze`);
