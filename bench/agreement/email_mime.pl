#!/usr/bin/perl
# Reads messages with Email::MIME (Debian's libemail-mime-perl): one file name a line on standard input, one line
# of JSON each on standard output.
use strict;
use warnings;
use Digest::SHA qw(sha1_hex);
use Email::Address::XS;
use Email::MIME;
use Encode qw(decode);
use JSON::PP;

my $json = JSON::PP->new->utf8->canonical;
$| = 1;

sub words { my $text = shift; return defined $text ? Email::MIME::Encode::mime_decode($text) : '' }

# Raw UTF-8 in a header is RFC 6532's.
sub subject { my $message = shift; return words(decode('UTF-8', $message->header_raw('Subject') // '')) }

sub addresses {
    my ($message, $field) = @_;
    # Taken apart first and decoded after, as RFC 2047, 6.2 has it: a decoded comma separates nothing.
    my $raw = join ', ', $message->header_raw($field);
    return [] if $raw eq '';
    my @groups = Email::Address::XS::parse_email_groups(decode('UTF-8', $raw));
    my @found;
    while (@groups) {
        my ($group, $entries) = splice @groups, 0, 2;
        push @found, [words($group), '', ''] if defined $group && !@$entries;
        push @found, [defined $group ? words($group) : '', words($_->phrase), $_->address] for @$entries;
    }
    return \@found;
}

sub leaves {
    my $part = shift;
    my @children = $part->subparts;
    return map { leaves($_) } @children if @children && $part->content_type =~ m{^multipart/}i;
    my ($type) = ($part->content_type // 'text/plain') =~ m{^\s*([^;\s]+)};
    my $id = $part->header_raw('Content-ID') // '';
    my %leaf = (type => lc $type, name => $part->filename // '', id => $id, subject => undef);
    if ($leaf{type} eq 'message/rfc822') {
        $leaf{subject} = subject(Email::MIME->new($part->body));
    }
    elsif (!defined $part->header_raw('Content-Disposition')) {
        my $text = $part->body_str;
        $text =~ s/\r\n/\n/g;
        $leaf{text} = $text;
    }
    else { $leaf{sha1} = sha1_hex($part->body) }
    return \%leaf;
}

while (my $name = <STDIN>) {
    chomp $name;
    open my $file, '<:raw', $name or die "$name: $!";
    local $/;
    my $message = Email::MIME->new(scalar <$file>);
    my %read = (subject => subject($message), leaves => [leaves($message)]);
    $read{$_} = addresses($message, $_) for qw(From Reply-To To Cc Bcc);
    print $json->encode(\%read), "\n";
    $/ = "\n";
}
