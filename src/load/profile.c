#include "load/profile.h"

#include "base/macros.h"
#include "load/random.h"

static const char *const first_names[] = {
    "Ada",     "Alan", "Barbara", "Chiara", "Dennis", "Edsger", "Frances",
    "Grace",   "Hedy", "Ida",     "Jürgen", "Ken",    "Léa",    "Margaret",
    "Niklaus", "Olga", "Per",     "Radia",  "Søren",  "Zoë",
};
static const char *const last_names[] = {
    "Allen",    "Björk",  "Dijkstra", "Ferreira", "García",   "Hopper", "Ibáñez",
    "Kowalska", "Lamarr", "Lovelace", "Müller",   "Nakamura", "Okafor", "Perlman",
    "Ritchie",  "Silva",  "Thompson", "Turing",   "Weiß",     "Wirth",
};
static const struct {
    const char *country, *city;
} places[] = {
    { "Germany", "Berlin" },   { "Germany", "Köln" },       { "France", "Paris" },
    { "France", "Lyon" },      { "Spain", "Madrid" },       { "Poland", "Łódź" },
    { "Brazil", "São Paulo" }, { "Brazil", "Recife" },      { "Nepal", "Kathmandu" },
    { "Japan", "Osaka" },      { "United States", "Reno" }, { "United States", "New York" },
    { "India", "Pune" },       { "Nigeria", "Lagos" },      { "Ukraine", "Київ" },
};

struct profile profile_of(uint64_t seed, enum event_source source, uint32_t user)
{
    struct random r = random_split(seed, 0x70726f66696c65, ((uint64_t)source << 32) | user);
    size_t place = random_below(&r, ARRAY_SIZE(places));
    /* as many small accounts as large ones, by magnitude: 10^0 to 10^7 */
    uint64_t magnitude = 1;

    for (uint64_t digits = random_below(&r, 7); digits > 0; digits--)
        magnitude *= 10;
    return (struct profile){
        .first = first_names[random_below(&r, ARRAY_SIZE(first_names))],
        .last = last_names[random_below(&r, ARRAY_SIZE(last_names))],
        .gender = event_gender_names[random_below(&r, GENDER_COUNT)],
        .country = places[place].country,
        .city = places[place].city,
        .age = (unsigned)(13 + random_below(&r, 68)),
        .followers = magnitude * (1 + random_below(&r, 9)) + random_below(&r, magnitude),
    };
}
